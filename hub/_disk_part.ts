import type { Part } from "./_store.ts";

type FileHandle = import("node:fs/promises").FileHandle;

/** The beginning of a file on disk. The file is open for reading and appending; it is closed on disposal. */
export class DiskPart implements Part, AsyncDisposable {
  length = 0;
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Sees how much there is. */
  async start(): Promise<this> {
    this.length = (await this.#file.stat()).size;
    return this;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(2 ** 20);
    for (let at = 0; at < this.length;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten;
    }
    this.length += bytes.length;
  }

  async clear(): Promise<void> {
    await this.#file.truncate(0);
    this.length = 0;
  }

  /** Waits until the bytes are on the disk. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
