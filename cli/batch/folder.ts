/**
 * The folder of a batch: its pictures, what it was begun with, and a line of the manifest for each that is done.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  appendFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { reasonOf } from "../_reason.ts";
import { UsageError } from "../usage.ts";

/** What a batch was begun with: it is gone on with where all of this is the same. */
export interface Begun {
  /** Hash of its file of prompts. */
  readonly prompts: string;
  /** The options of all pictures. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The seed of its first line; a line's own seed counts before it. */
  readonly seed: number;
}

/** A picture that is done. */
export interface Done {
  /** Its line in the file of prompts. */
  readonly line: number;
  /** What was asked for. */
  readonly prompt: string;
  /** Its seed. */
  readonly seed: number;
  /** Its file in the folder. */
  readonly file: string;
  /** Hash of the file. */
  readonly sha256: string;
}

const [lockName, beginName, manifestName] = ["batch.lock", "batch.json", "manifest.jsonl"];

/** A folder that one batch has for itself. */
export class BatchFolder implements AsyncDisposable {
  readonly #path: string;
  readonly #manifest: string;
  readonly #lock: string;
  readonly #done = new Map<number, Done>();
  #begun: Begun;

  private constructor(path: string, lock: string, begun: Begun) {
    this.#path = path;
    this.#manifest = join(path, manifestName);
    this.#lock = lock;
    this.#begun = begun;
  }

  /**
   * Makes the folder, or goes on in it.
   *
   * @throws {UsageError} If another batch is in it, or it was begun with other prompts or options.
   */
  static async open(path: string, begun: Begun): Promise<BatchFolder> {
    await saying(`Cannot write to the folder "${path}"`, () => mkdir(path, { recursive: true }));
    const folder = new BatchFolder(path, await lockOf(path), begun);
    try {
      await folder.#resume();
      return folder;
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The seed of its first line. */
  get seed(): number {
    return this.#begun.seed;
  }

  /** Whether a line's picture is there. */
  has(line: number): boolean {
    return this.#done.has(line);
  }

  /** Writes a picture whole, then its line of the manifest: between the two it is found again by its name. */
  async add(picture: Omit<Done, "sha256">, bytes: Uint8Array): Promise<Done> {
    const path = join(this.#path, picture.file);
    await saying(`Cannot write the picture to "${path}"`, async () => {
      await writeFile(`${path}${unfinished}`, bytes, { flush: true });
      await rename(`${path}${unfinished}`, path);
    });
    return await this.#note({ ...picture, sha256: hashOf(bytes) });
  }

  /** Takes a picture that was written and not noted, if there is one. */
  async adopt(picture: Omit<Done, "sha256">): Promise<Done | undefined> {
    const bytes = await readFile(join(this.#path, picture.file)).catch(() => undefined);
    return bytes && await this.#note({ ...picture, sha256: hashOf(bytes) });
  }

  async #note(done: Done): Promise<Done> {
    await saying(
      `Cannot write the manifest "${this.#manifest}"`,
      () => appendFile(this.#manifest, `${JSON.stringify(done)}\n`, { flush: true }),
    );
    this.#done.set(done.line, done);
    return done;
  }

  async #resume(): Promise<void> {
    for (const name of await readdir(this.#path)) {
      if (name.endsWith(unfinished)) await rm(join(this.#path, name));
    }
    const path = join(this.#path, beginName);
    const before = await readFile(path, "utf8").catch(() => undefined);
    if (before === undefined) {
      await saying(`Cannot write "${path}"`, async () => {
        await writeFile(`${path}${unfinished}`, JSON.stringify(this.#begun), { flush: true });
        await rename(`${path}${unfinished}`, path);
      });
    } else this.#begun = sameAs(before, this.#begun, this.#path);
    await this.#readManifest();
  }

  /** A line that was cut off by the end of its process is none; a picture that is gone is made again. */
  async #readManifest(): Promise<void> {
    const text = await readFile(this.#manifest, "utf8").catch(() => "");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await truncate(this.#manifest, new TextEncoder().encode(whole).length);
    const files = new Set(await readdir(this.#path));
    for (const line of whole.split("\n").filter((line) => line !== "")) {
      const done = JSON.parse(line) as Done;
      if (files.has(done.file)) this.#done.set(done.line, done);
    }
  }

  /** Leaves the folder to others. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#lock, { force: true });
  }
}

const unfinished = ".unfinished";

function sameAs(text: string, { seed: _, ...now }: Begun, path: string): Begun {
  const { seed, ...before } = JSON.parse(text) as Begun;
  if (before.prompts !== now.prompts) {
    throw new UsageError(
      `Cannot go on with the batch in "${path}": the file of prompts has changed since it began, expected the same one, ` +
        "or another --out.",
    );
  }
  const [were, are] = [before.options, now.options].map((options) => JSON.stringify(options));
  if (were === are) return { seed, ...before };
  throw new UsageError(
    `Cannot go on with the batch in "${path}": it began with the options ${were} and is given ${are}, expected the same, ` +
      "or another --out.",
  );
}

/** A file that only one process can make. Where the one that made it is gone, it is taken over. */
async function lockOf(path: string): Promise<string> {
  const lock = join(path, lockName);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await using file = await open(lock, "wx");
      await file.writeFile(`${process.pid}\n`);
      return lock;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        throw new UsageError(`Cannot write to the folder "${path}": ${reasonOf(error)}.`);
      }
    }
    const owner = await readFile(lock, "utf8").catch(() => "");
    if (isRunning(Number(owner))) {
      throw new UsageError(
        `Cannot run a batch in "${path}": process ${owner.trim()} runs one there, expected another --out, or to wait for ` +
          `it. If it is no batch, remove ${lockName}.`,
      );
    }
    await moveAway(lock, owner);
  }
  throw new UsageError(
    `Cannot run a batch in "${path}": another one began there just now, expected another --out.`,
  );
}

/** Only one of several can move it; one that has moved the lock of another that was quicker puts it back. */
async function moveAway(lock: string, owner: string): Promise<void> {
  const away = `${lock}.${process.pid}${unfinished}`;
  try {
    await rename(lock, away);
    if (await readFile(away, "utf8") !== owner) await link(away, lock);
    await rm(away);
  } catch { /* another one was quicker */ }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function saying(what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    throw new UsageError(`${what}: ${reasonOf(cause)}.`);
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
