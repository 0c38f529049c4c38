/**
 * One file from a hub: resumed where it stopped, tried again when the line breaks, checked against its hash.
 */
import { WeightsError } from "../core/errors.ts";
import { Attempts, PassingError } from "./_attempts.ts";
import { strangeAnswer } from "./_repository.ts";
import type { Part, RemoteFile } from "./_store.ts";

/** A hash that is fed piece by piece. */
export interface Digest {
  update(bytes: Uint8Array): void;
  hex(): string;
}

/** Bytes from some offset on, which may be 0 although another one was asked for. */
export interface Range {
  readonly offset: number;
  /** Whether it claims to be the whole file. */
  readonly whole: boolean;
  /** Whether the offset is one in the file: a coded range is not. */
  readonly usable: boolean;
  /** Bytes that are announced, where that is known. */
  readonly length?: number;
  readonly body: ReadableStream<Uint8Array>;
  /** Who sends it. */
  readonly host: string;
}

/** How a file is fetched. */
export interface TransferOptions {
  readonly open: (offset: number) => Promise<Range>;
  readonly digest: () => Digest;
  readonly onReceived: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
  /** How often a broken line is tried again without progress in between. */
  readonly retries: number;
  /** Milliseconds without a byte after which a line counts as broken. */
  readonly patience: number;
}

/** How often a file whose bytes are wrong is fetched anew. */
const newBeginnings = 2;

/**
 * Completes a file. The number of requests is bounded: only what brings the file a hundredth, or a mebibyte, further
 * than it ever was is progress.
 */
export async function transfer(file: RemoteFile, part: Part, options: TransferOptions): Promise<void> {
  const { signal, retries } = options;
  if (part.length > file.size) await part.clear();
  const progress = Math.min(file.size / 100, 2 ** 20);
  const attempts = new Attempts(retries, signal);
  let ranges = true;
  let furthest = part.length;
  const hashed = await HashedPart.open(part, options.digest);
  options.onReceived(part.length);
  for (let beginning = 0;; beginning++) {
    while (part.length < file.size) {
      try {
        if (!ranges && part.length > 0) await hashed.clear();
        const range = await options.open(part.length);
        ranges &&= range.usable;
        await receive(file, hashed, range, options);
        if (part.length < file.size) {
          throw new PassingError(
            `Cannot download "${file.path}": the line broke after ${part.length} bytes.`,
          );
        }
      } catch (error) {
        if (part.length >= furthest + progress) attempts.reset();
        furthest = Math.max(furthest, part.length);
        await attempts.after(error);
      }
    }
    const hash = hashed.hex();
    if (part.length === file.size && hash === file.hash.hex) return;
    const state = part.length > file.size
      ? "more bytes arrived"
      : `its ${file.hash.algorithm} hash is ${hash}`;
    await hashed.clear();
    ranges = false; // whoever sent it may have lied about them
    if (beginning === newBeginnings) throw wrong(file, state);
  }
}

/** A part and the hash of what is in it, which never part: a hash of other bytes would let damage pass. */
class HashedPart {
  readonly part: Part;
  readonly #start: () => Digest;
  #digest: Digest;

  private constructor(part: Part, start: () => Digest) {
    this.part = part;
    this.#start = start;
    this.#digest = start();
  }

  static async open(part: Part, start: () => Digest): Promise<HashedPart> {
    const hashed = new HashedPart(part, start);
    for await (const bytes of part.read()) hashed.#digest.update(bytes);
    return hashed;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.part.append(bytes);
    this.#digest.update(bytes);
  }

  async clear(): Promise<void> {
    await this.part.clear();
    this.#digest = this.#start();
  }

  hex(): string {
    return this.#digest.hex();
  }
}

/** Adds what arrives; of too much, enough to tell. */
async function receive(
  file: RemoteFile,
  hashed: HashedPart,
  range: Range,
  { patience, onReceived }: TransferOptions,
): Promise<void> {
  const { part } = hashed;
  let isFirst = true;
  for await (const bytes of pieces(range.body, patience)) {
    if (isFirst) {
      refuseStranger(file, part, range, bytes);
      if (range.offset !== part.length) await hashed.clear();
    }
    isFirst = false;
    await hashed.append(bytes);
    onReceived(Math.min(part.length, file.size));
    if (part.length > file.size) return;
  }
}

/** What is not the file must not take the place of what has arrived of it. */
function refuseStranger(file: RemoteFile, part: Part, range: Range, first: Uint8Array): void {
  const { offset, length, host, usable, whole } = range;
  const say = (state: string) => new PassingError(`Cannot download "${file.path}": ${state}.`);
  if (!usable) throw say(`${host} sends a range of a coded body, expected one of the file`);
  if (offset !== part.length && offset !== 0) {
    throw say(`${host} sends bytes from ${offset} on, expected those from ${part.length} on`);
  }
  if (offset !== 0) return;
  const beginning = new TextDecoder("latin1").decode(first.subarray(0, 200));
  if (isStranger(file, beginning)) throw say(strangeAnswer(host, beginning));
  if (whole && length !== undefined && length < file.size) {
    throw say(`${host} announces ${length} bytes, expected ${file.size}`);
  }
}

/** Whether a file begins as a web page or a pointer, and should not. */
function isStranger({ path, size }: RemoteFile, beginning: string): boolean {
  const isPage = /^\s*(<!doctype html|<html)/i.test(beginning) && !/\.html?$/.test(path);
  return isPage || beginning.startsWith("version https://git-lfs") && size > 1024;
}

/** The pieces of a body; where none comes for too long, or the line breaks, a {@linkcode PassingError}. */
async function* pieces(body: ReadableStream<Uint8Array>, patience: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing came for ${patience} ms`)), patience);
      });
      const { value, done } = await Promise.race([reader.read(), silence]).catch((cause) => {
        throw new PassingError(`Cannot download: the line broke (${cause.message}).`, { cause });
      });
      clearTimeout(timer);
      if (done) return;
      if (value.length > 0) yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {}); // a broken one cannot be cancelled
  }
}

function wrong(file: RemoteFile, state: string): WeightsError {
  const { size, hash } = file;
  return new WeightsError(
    `Cannot download "${file.path}": ${state}, expected ${size} bytes with ${hash.hex}. Nothing of it was kept.`,
  );
}
