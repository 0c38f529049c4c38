/**
 * Hugging Face's cache on disk: `models--OWNER--NAME` with `refs/BRANCH`, which holds a commit,
 * `snapshots/COMMIT`, which holds its files, and `blobs/HASH`, which holds their contents.
 *
 * What other programs put there is used, symbolic links included; what is put there is of use to them.
 * Between blobs and snapshots ours are hard links: Deno allows symbolic ones only with access to the whole
 * disk.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { HubError } from "./hub_error.ts";
import { code, lock } from "./_lock.ts";
import type { AddOptions, Part, RemoteFile, Store } from "./_store.ts";
import type { Digest } from "./_transfer.ts";

/** The part of the cache that belongs to one model. */
export class DiskStore implements Store {
  readonly place: string;

  constructor(cache: string, model: string) {
    this.place = `${cache}/models--${model.replace("/", "--")}`;
  }

  /** Where the files of a commit are. */
  snapshot(commit: string): string {
    return `${this.place}/snapshots/${commit}`;
  }

  async commitOf(revision: string): Promise<string | undefined> {
    const commit = await ifThere(readFile(`${this.place}/refs/${revision}`, "utf8"));
    return commit?.match(/^[0-9a-f]{40}$/m)?.[0];
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision !== commit) await replace(`${this.place}/refs/${revision}`, commit);
  }

  async paths(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const entries = await ifThere(readdir(folder, { recursive: true })) ?? [];
    const found = await Promise.all(entries.map(async (entry) => {
      const target = await ifThere(stat(`${folder}/${entry}`)); // follows links; some lead nowhere
      return target?.isFile() ? [entry.replaceAll("\\", "/")] : [];
    }));
    return found.flat();
  }

  async readText(commit: string, path: string): Promise<string> {
    return await readFile(`${this.snapshot(commit)}/${path}`, "utf8");
  }

  async add(commit: string, file: RemoteFile, { signal, fill }: AddOptions): Promise<void> {
    const target = `${this.snapshot(commit)}/${file.path}`;
    if (await sizeOf(target) === file.size) return;
    const blob = `${this.place}/blobs/${file.hash.hex}`;
    await mkdir(`${this.place}/blobs`, { recursive: true });
    await mkdir(parent(target), { recursive: true });
    await using _lock = await lock(`${blob}.lock`, signal);
    if (await sizeOf(target) === file.size) return;
    if (await sizeOf(blob) !== file.size) {
      await using part = await DiskPart.open(`${blob}.incomplete`, file);
      await fill(part, () => digestOf(file));
      await part.finish(blob);
    }
    await rm(target, { force: true }); // of another size, or a link that leads nowhere
    await link(blob, target).catch(() => rename(blob, target)); // not all file systems have links
  }
}

/** A file that grows. */
class DiskPart implements Part, AsyncDisposable {
  length: number;
  readonly #path: string;
  readonly #file: RemoteFile;
  #handle: FileHandle | undefined;

  private constructor(path: string, file: RemoteFile, handle: FileHandle, length: number) {
    this.#path = path;
    this.#file = file;
    this.#handle = handle;
    this.length = length;
  }

  static async open(path: string, file: RemoteFile): Promise<DiskPart> {
    const handle = await open(path, "a");
    return new DiskPart(path, file, handle, (await handle.stat()).size);
  }

  async *read(): AsyncGenerator<Uint8Array> {
    if (this.length > 0) yield* createReadStream(this.#path, { highWaterMark: 2 ** 20 });
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#handle!.write(bytes, done, bytes.length - done)).bytesWritten;
      }
    } catch (cause) {
      const reason = code(cause);
      if (reason !== "ENOSPC" && reason !== "EDQUOT") throw cause;
      const missing = this.#file.size - this.length;
      throw new HubError(
        "no-space",
        `Cannot download "${this.#file.path}": the disk is full, expected ${missing} bytes more at ${this.#path}.`,
        { cause },
      );
    }
    this.length += bytes.length;
  }

  async clear(): Promise<void> {
    await this.#handle!.truncate(0);
    this.length = 0;
  }

  /** Under its final name, all at once and not before it is on the disk. */
  async finish(path: string): Promise<void> {
    await this.#handle!.sync();
    await this[Symbol.asyncDispose]();
    await rename(this.#path, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

/** Git hashes a header before the content. */
function digestOf({ hash, size }: RemoteFile): Digest {
  const digest = createHash(hash.algorithm === "git" ? "sha1" : "sha256");
  if (hash.algorithm === "git") digest.update(`blob ${size}\0`);
  return { update: (bytes) => void digest.update(bytes), hex: () => digest.copy().digest("hex") };
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  await mkdir(parent(path), { recursive: true });
  await writeFile(temporary, text);
  await rename(temporary, path);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await ifThere(stat(path)))?.size;
}

/** The result, or `undefined` if there is no such file. */
async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  return await result.catch((error) => {
    if (code(error) === "ENOENT" || code(error) === "ENOTDIR") return undefined;
    throw error;
  });
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
