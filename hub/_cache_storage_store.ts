/**
 * Models in a browser's Cache Storage, which holds responses only as wholes: a content is several of them,
 * one for each stretch that arrived, so that a download can go on where it stopped. Small JSON entries say
 * what belongs to what.
 */
import { HubError } from "./hub_error.ts";
import type { AddOptions, Part, RemoteFile, Store } from "./_store.ts";
import type { Digest } from "./_transfer.ts";

/** Bytes of a stretch; what is lost when the page is closed in the middle of one. */
const stretch = 2 ** 25;

/** Stretches of a content that are here, by their lengths in bytes. */
interface Content {
  readonly lengths: readonly number[];
  readonly whole: boolean;
}

/** The part of the Cache Storage that belongs to one model. */
export class CacheStorageStore implements Store {
  readonly place: string;
  readonly #cache: Cache;

  private constructor(cache: Cache, place: string) {
    this.#cache = cache;
    this.place = place;
  }

  static async open(model: string): Promise<CacheStorageStore> {
    if (!("caches" in globalThis)) {
      throw new TypeError(
        `Cannot download "${model}": this page has no Cache Storage, expected one that came over HTTPS or from localhost.`,
      );
    }
    const place = `mobile-diffusion/${model}`;
    return new CacheStorageStore(await caches.open(place), place);
  }

  async commitOf(revision: string): Promise<string | undefined> {
    return await this.#get(`refs/${revision}`);
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    await this.#set(`refs/${revision}`, commit);
  }

  async listing(commit: string): Promise<readonly RemoteFile[] | undefined> {
    return await this.#get<readonly RemoteFile[]>(`listings/${commit}`);
  }

  async setListing(commit: string, files: readonly RemoteFile[]): Promise<void> {
    await this.#set(`listings/${commit}`, files);
  }

  async has(commit: string, { path, hash }: RemoteFile): Promise<boolean> {
    const hashes = await this.#get<Record<string, string>>(`snapshots/${commit}`);
    return hashes?.[path] === hash.hex && (await this.#get<Content>(`contents/${hash.hex}`))?.whole === true;
  }

  async paths(commit: string): Promise<string[]> {
    return Object.keys(await this.#get<Record<string, string>>(`snapshots/${commit}`) ?? {});
  }

  async readText(commit: string, path: string): Promise<string> {
    return await (await this.blob(commit, path)).text();
  }

  /** A file of a commit, without taking it into memory where the browser can do so. */
  async blob(commit: string, path: string): Promise<Blob> {
    const hashes = await this.#get<Record<string, string>>(`snapshots/${commit}`) ?? {};
    const parts: Blob[] = [];
    for await (const response of this.#stretches(hashes[path] ?? "")) parts.push(await response.blob());
    return new Blob(parts);
  }

  async add(commit: string, file: RemoteFile, { signal, fill }: AddOptions): Promise<void> {
    const work = async () => {
      const key = `contents/${file.hash.hex}`;
      const content = await this.#get<Content>(key) ?? { lengths: [], whole: false };
      if (!content.whole) {
        const digest = await digestFor(file);
        const part = new CacheStoragePart(this, file, content.lengths);
        await fill(part, digest).finally(() => part.flush());
        await this.#set(key, { lengths: part.lengths, whole: true } satisfies Content);
      }
      const hashes = await this.#get<Record<string, string>>(`snapshots/${commit}`) ?? {};
      await this.#set(`snapshots/${commit}`, { ...hashes, [file.path]: file.hash.hex });
    };
    await this.#alone(work, signal);
  }

  /** One tab or worker at a time, where the browser has locks. */
  async #alone(work: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    const { locks } = globalThis.navigator as {
      locks?: {
        request(name: string, options: { signal?: AbortSignal }, work: () => Promise<void>): Promise<void>;
      };
    };
    if (locks === undefined) return await work();
    await locks.request(this.place, signal === undefined ? {} : { signal }, work);
  }

  /** Puts a stretch, and says in the content's entry that it is there. */
  async putStretch({ path, hash }: RemoteFile, lengths: readonly number[], bytes: BlobPart): Promise<void> {
    const key = `contents/${hash.hex}`;
    try {
      await this.#cache.put(urlOf(`${key}/${lengths.length - 1}`), new Response(new Blob([bytes])));
      await this.#set(key, { lengths, whole: false } satisfies Content);
    } catch (cause) {
      if (!(cause instanceof DOMException) || cause.name !== "QuotaExceededError") throw cause;
      const message = `Cannot download "${path}": the browser gives this page no more space, expected some.`;
      throw new HubError("no-space", message, { cause });
    }
  }

  async forget({ hash }: RemoteFile): Promise<void> {
    await this.#set(`contents/${hash.hex}`, { lengths: [], whole: false } satisfies Content);
  }

  async *#stretches(hash: string): AsyncGenerator<Response> {
    const { lengths } = await this.#get<Content>(`contents/${hash}`) ?? { lengths: [] };
    for (const index of lengths.keys()) {
      const response = await this.#cache.match(urlOf(`contents/${hash}/${index}`));
      if (response !== undefined) yield response;
    }
  }

  async *read(file: RemoteFile): AsyncGenerator<Uint8Array> {
    for await (const response of this.#stretches(file.hash.hex)) {
      yield new Uint8Array(await response.arrayBuffer());
    }
  }

  async #get<T = string>(key: string): Promise<T | undefined> {
    return await (await this.#cache.match(urlOf(key)))?.json();
  }

  async #set(key: string, value: unknown): Promise<void> {
    await this.#cache.put(urlOf(key), Response.json(value));
  }
}

/** A content that grows by stretches. */
class CacheStoragePart implements Part {
  readonly lengths: number[];
  length: number;
  readonly #store: CacheStorageStore;
  readonly #file: RemoteFile;
  #waiting: Uint8Array<ArrayBuffer>[] = [];

  constructor(store: CacheStorageStore, file: RemoteFile, lengths: readonly number[]) {
    this.#store = store;
    this.#file = file;
    this.lengths = [...lengths];
    this.length = lengths.reduce((sum, length) => sum + length, 0);
  }

  async *read(): AsyncGenerator<Uint8Array> {
    yield* this.#store.read(this.#file);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#waiting.push(new Uint8Array(bytes));
    this.length += bytes.length;
    const stored = this.lengths.reduce((sum, length) => sum + length, 0);
    if (this.length - stored >= stretch) await this.flush();
  }

  async clear(): Promise<void> {
    this.#waiting = [];
    this.lengths.length = 0;
    this.length = 0;
    await this.#store.forget(this.#file);
  }

  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const bytes = new Blob(this.#waiting);
    this.#waiting = [];
    this.lengths.push(bytes.size);
    await this.#store.putStretch(this.#file, this.lengths, bytes);
  }
}

/**
 * The browser's own hashes want all bytes at once; these take them one by one. Git hashes a header before the
 * content.
 */
async function digestFor({ hash, size }: RemoteFile): Promise<() => Digest> {
  const [{ sha256 }, { sha1 }, { bytesToHex }] = await Promise.all([
    import("@noble/hashes/sha2.js"),
    import("@noble/hashes/legacy.js"),
    import("@noble/hashes/utils.js"),
  ]);
  return () => {
    const digest = hash.algorithm === "git" ? sha1.create() : sha256.create();
    if (hash.algorithm === "git") digest.update(new TextEncoder().encode(`blob ${size}\0`));
    return { update: (bytes) => void digest.update(bytes), hex: () => bytesToHex(digest.clone().digest()) };
  };
}

/** Cache Storage has keys that look like addresses. */
function urlOf(key: string): string {
  return `https://mobile-diffusion.invalid/${key.split("/").map(encodeURIComponent).join("/")}`;
}
