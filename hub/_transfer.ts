/**
 * One file from a hub: resumed where it stopped, tried again when the line breaks, checked against its hash.
 */
import { WeightsError } from "../core/errors.ts";
import { HubError } from "./hub_error.ts";
import { pause } from "./_pause.ts";
import type { Part, RemoteFile } from "./_store.ts";

/** A hash that is fed piece by piece. */
export interface Digest {
  update(bytes: Uint8Array): void;
  hex(): string;
}

/** Bytes from some offset on, which may be 0 although another one was asked for. */
export interface Range {
  readonly offset: number;
  readonly body: ReadableStream<Uint8Array>;
}

/** How a file is fetched. */
export interface TransferOptions {
  readonly open: (offset: number) => Promise<Range>;
  readonly digest: () => Digest;
  readonly onReceived: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
  /** How often a broken line is tried again without a byte in between. */
  readonly retries: number;
  /** Milliseconds without a byte after which a line counts as broken. */
  readonly patience: number;
}

/** Milliseconds before the first new attempt; they double. */
const firstDelay = 250;

/** Completes a file. */
export async function transfer(file: RemoteFile, part: Part, options: TransferOptions): Promise<void> {
  const { signal, onReceived } = options;
  if (part.length > file.size) await part.clear();
  const resumed = part.length > 0;
  let digest = options.digest();
  for await (const bytes of part.read()) digest.update(bytes);
  onReceived(part.length);

  for (let failures = 0; part.length < file.size;) {
    const before = part.length;
    try {
      const { offset, body } = await options.open(part.length);
      if (offset !== part.length) {
        await part.clear();
        digest = options.digest();
      }
      for await (const bytes of pieces(body, options.patience)) {
        if (part.length + bytes.length > file.size) {
          await part.clear();
          throw wrong(file, "more bytes arrived");
        }
        await part.append(bytes);
        digest.update(bytes);
        onReceived(part.length);
      }
      if (part.length < file.size) {
        throw new HubError(
          "network",
          `Cannot download "${file.path}": the line broke after ${part.length} bytes.`,
        );
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof HubError) || error.reason !== "network") throw error;
      failures = part.length > before ? 1 : failures + 1;
      if (failures > options.retries) throw error;
      await pause(firstDelay * 2 ** (failures - 1), signal);
    }
  }

  if (digest.hex() === file.hash.hex) return;
  await part.clear();
  if (resumed) return await transfer(file, part, options); // what was left of last time was damaged
  throw wrong(file, `its ${file.hash.algorithm} hash is ${digest.hex()}`);
}

/** The pieces of a body; where none comes for too long, or the line breaks, a {@linkcode HubError}. */
async function* pieces(body: ReadableStream<Uint8Array>, patience: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing came for ${patience} ms`)), patience);
      });
      const { value, done } = await Promise.race([reader.read(), silence]).catch((cause) => {
        throw new HubError("network", `Cannot download: the line broke (${cause.message}).`, { cause });
      });
      clearTimeout(timer);
      if (done) return;
      yield value;
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
