/**
 * Bytes by their place, from a file, a Blob or memory: the one thing a weight format needs from its
 * surroundings.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { fileSystem } from "./_file_system.ts";

/** Something whose bytes can be read in any order. */
export interface RandomAccess extends AsyncDisposable {
  /** Number of bytes. */
  readonly size: number;
  /** Path of the file, where there is one that a runtime can map by itself. */
  readonly path?: string;
  /**
   * Copies `length` bytes from `offset` on. The array is the caller's to change. Reads may overlap in time.
   *
   * @throws {WeightsError} If the source ends before `offset + length`.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** What weights can be read from: a path, a `Blob` or `File`, bytes in memory, or a source of your own. */
export type ByteSource = string | Blob | Uint8Array | RandomAccess;

/** The largest single read; Node's file handles count bytes in 31 bits. */
const maxRead = 2 ** 28;

/**
 * Opens a source of any kind. Nothing is read yet.
 *
 * @throws {WeightsError} If there is no file at that path.
 * @throws {TypeError} If a path is given where there are no files, as in a browser.
 *
 * @example
 * ```ts
 * import { openRandomAccess } from "@mobile-diffusion/sdk/weights";
 *
 * await using source = await openRandomAccess(new Blob(["weights"]));
 * console.log(new TextDecoder().decode(await source.read(2, 3))); // "igh"
 * ```
 */
export async function openRandomAccess(source: ByteSource): Promise<RandomAccess> {
  if (typeof source === "string") return await openFile(source);
  if (source instanceof Uint8Array) return overBytes(source);
  if (source instanceof Blob) return overBlob(source);
  return source;
}

async function openFile(path: string): Promise<RandomAccess> {
  const { open } = fileSystem(path);
  const file = await open(path, "r").catch((cause: Error & { code?: string }) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new WeightsError(`Cannot open "${path}": there is no such file.`, { cause });
  });
  const { size } = await file.stat();
  return {
    size,
    path,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const wanted = Math.min(length - done, maxRead);
        const { bytesRead } = await file.read(bytes, done, wanted, offset + done);
        if (bytesRead === 0) throw endsEarly(`"${path}"`, offset, length, offset + done);
        done += bytesRead;
      }
      return bytes;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function overBlob(blob: Blob): RandomAccess {
  return {
    size: blob.size,
    async read(offset, length) {
      if (offset + length > blob.size) throw endsEarly("the blob", offset, length, blob.size);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function overBytes(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    // deno-lint-ignore require-await -- a source that ends early rejects, as the others do
    async read(offset, length) {
      if (offset + length > bytes.length) throw endsEarly("the data", offset, length, bytes.length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function endsEarly(label: string, offset: number, length: number, end: number): WeightsError {
  return new WeightsError(
    `Cannot read bytes ${offset} to ${offset + length} of ${label}: it ends at ${end}.`,
  );
}
