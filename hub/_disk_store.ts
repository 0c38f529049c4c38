/**
 * Hugging Face's cache on disk: `models--OWNER--NAME` with `refs/BRANCH`, which holds a commit,
 * `snapshots/COMMIT`, which holds its files, and `blobs/HASH`, which holds their contents.
 *
 * What other programs put there is used, symbolic links included; what is put there is of use to them.
 * Between blobs and snapshots ours are hard links: Deno allows symbolic ones only with access to the whole
 * disk.
 */
import { builtin } from "../core/platform.ts";
import { defaultCacheFolder } from "./_cache_folder.ts";
import { HubError } from "./hub_error.ts";
import { DiskPart } from "./_disk_part.ts";
import { code, lock } from "./_lock.ts";
import type { AddOptions, RemoteFile, Store } from "./_store.ts";
import type { Digest } from "./_transfer.ts";

type Files = typeof import("node:fs/promises");
type Crypto = typeof import("node:crypto");

/** The part of the cache that belongs to one model. */
export class DiskStore implements Store {
  readonly place: string;
  readonly #files: Files;
  readonly #crypto: Crypto;

  private constructor(place: string, files: Files, crypto: Crypto) {
    this.place = place;
    this.#files = files;
    this.#crypto = crypto;
  }

  /** Node's modules come only now, so that browsers can load this file. */
  static open(model: string, cache?: string): DiskStore {
    const place = `${cache ?? defaultCacheFolder()}/models--${model.replace("/", "--")}`;
    try {
      return new DiskStore(place, builtin("node:fs/promises"), builtin("node:crypto"));
    } catch (cause) {
      const state = "this platform has no files, expected Deno, Node or Bun; browsers have resolveModelBlobs";
      throw new TypeError(`Cannot resolve "${model}" to a folder: ${state}.`, { cause });
    }
  }

  /** Where the files of a commit are. */
  snapshot(commit: string): string {
    return `${this.place}/snapshots/${commit}`;
  }

  async commitOf(revision: string): Promise<string | undefined> {
    const commit = await ifThere(this.#files.readFile(`${this.place}/refs/${revision}`, "utf8"));
    return commit?.match(/^[0-9a-f]{40}$/m)?.[0];
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const path = `${this.place}/refs/${revision}`;
    const temporary = `${path}.${crypto.randomUUID()}`;
    await this.#files.mkdir(parent(path), { recursive: true });
    await this.#files.writeFile(temporary, commit);
    await this.#files.rename(temporary, path);
  }

  async listing(commit: string): Promise<readonly RemoteFile[] | undefined> {
    const text = await ifThere(this.#files.readFile(this.#listingFile(commit), "utf8"));
    return text === undefined ? undefined : parseListing(text);
  }

  async setListing(commit: string, files: readonly RemoteFile[]): Promise<void> {
    const { mkdir, writeFile, rename } = this.#files;
    const path = this.#listingFile(commit);
    const temporary = `${path}.${crypto.randomUUID()}`;
    try {
      await mkdir(parent(path), { recursive: true });
      await writeFile(temporary, JSON.stringify(files));
      await rename(temporary, path);
    } catch (error) {
      if (!["EACCES", "EPERM", "EROFS"].includes(code(error) ?? "")) throw error; // others may share their cache
    }
  }

  #listingFile(commit: string): string {
    return `${this.place}/.listings/${commit}.json`;
  }

  async has(commit: string, { path, size }: RemoteFile): Promise<boolean> {
    return await this.#size(`${this.snapshot(commit)}/${path}`) === size;
  }

  async paths(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const entries = await ifThere(this.#files.readdir(folder, { recursive: true })) ?? [];
    const found = await Promise.all(entries.map(async (entry) => {
      const target = await ifThere(this.#files.stat(`${folder}/${entry}`)); // links may lead nowhere
      return target?.isFile() ? [entry.replaceAll("\\", "/")] : [];
    }));
    return found.flat();
  }

  async readText(commit: string, path: string): Promise<string> {
    return await this.#files.readFile(`${this.snapshot(commit)}/${path}`, "utf8");
  }

  async add(commit: string, file: RemoteFile, { signal, fill }: AddOptions): Promise<void> {
    const { mkdir, rm, link, rename } = this.#files;
    const target = `${this.snapshot(commit)}/${file.path}`;
    if (await this.#size(target) === file.size) return;
    const blob = `${this.place}/blobs/${file.hash.hex}`;
    await mkdir(parent(blob), { recursive: true });
    await mkdir(parent(target), { recursive: true });
    await using _lock = await lock(`${blob}.lock`, signal);
    if (await this.#size(target) === file.size) return;
    if (await this.#size(blob) !== file.size) await this.#fill(blob, file, fill);
    await rm(target, { force: true }); // of another size, or a link that leads nowhere
    await link(blob, target).catch(() => rename(blob, target)); // not all file systems have links
  }

  /** Under its final name all at once, and not before it is on the disk. */
  async #fill(blob: string, file: RemoteFile, fill: AddOptions["fill"]): Promise<void> {
    const path = `${blob}.incomplete`;
    {
      await using part = new DiskPart(await this.#files.open(path, "a+"));
      await fill(await part.start(), () => this.#digest(file)).catch((cause) => {
        if (code(cause) !== "ENOSPC" && code(cause) !== "EDQUOT") throw cause;
        const wanted = `expected ${file.size - part.length} bytes more at ${path}`;
        const message = `Cannot download "${file.path}": the disk is full, ${wanted}.`;
        throw new HubError("no-space", message, { cause });
      });
      await part.sync();
    }
    await this.#files.rename(path, blob);
  }

  /** Git hashes a header before the content. */
  #digest({ hash, size }: RemoteFile): Digest {
    const digest = this.#crypto.createHash(hash.algorithm === "git" ? "sha1" : "sha256");
    if (hash.algorithm === "git") digest.update(`blob ${size}\0`);
    return { update: (bytes) => void digest.update(bytes), hex: () => digest.copy().digest("hex") };
  }

  async #size(path: string): Promise<number | undefined> {
    return (await ifThere(this.#files.stat(path)))?.size;
  }
}

/** A list that can be trusted: what another program, or half a write, left there is none. */
export function parseListing(text: string): readonly RemoteFile[] | undefined {
  try {
    const files: unknown = JSON.parse(text);
    const isOne = Array.isArray(files) &&
      files.every((file) =>
        typeof file?.path === "string" && Number.isSafeInteger(file.size) &&
        /^[0-9a-f]+$/.test(file.hash?.hex)
      );
    return isOne ? files : undefined;
  } catch {
    return undefined;
  }
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
