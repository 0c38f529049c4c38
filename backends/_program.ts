/** What a session is made of, whatever source it came from. */

/** A program for an ONNX session. */
export interface Program {
  /** What it is, for errors: `unet`. */
  readonly name: string;
  /** The serialised model, or its path. */
  readonly model: Uint8Array | string;
  /** Numbers for symbolic sizes of the model's inputs. */
  readonly dimensions: Readonly<Record<string, number>>;
  /** The external data that is handed over in memory, read one by one. */
  files(): AsyncIterable<ExternalFile>;
  /** Folder of the external data that the runtime reads from disk by itself. */
  readonly folder?: string;
  /** Removes what its session does not need once it is there. */
  mapped?(): Promise<void>;
  /** Removes what was made for the program; called when its session is gone. */
  release?(): Promise<void>;
}

/** External data in memory. */
export interface ExternalFile {
  /** The location that the model names. */
  readonly path: string;
  /** The bytes; they are the receiver's. */
  readonly data: Uint8Array<ArrayBuffer>;
}
