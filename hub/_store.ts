/** Where downloaded models are kept, and how files get there. */
import type { Digest } from "./_transfer.ts";

/** A file of a repository, as the hub describes it. */
export interface RemoteFile {
  /** Its place in the repository. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** What its content hashes to: SHA-256 for large files, git's SHA-1 of a blob for small ones. */
  readonly hash: { readonly algorithm: "sha256" | "git"; readonly hex: string };
}

/** The files of one model. */
export interface Store {
  /** For people: where it is. */
  readonly place: string;
  /** The commit that a branch or tag stood for when it was last completed. */
  commitOf(revision: string): Promise<string | undefined>;
  /** Remembers that a branch or tag stands for a commit, all of whose needed files are here. */
  setCommit(revision: string, commit: string): Promise<void>;
  /** What the hub said that a commit consists of, when it was asked last. */
  listing(commit: string): Promise<readonly RemoteFile[] | undefined>;
  /** Remembers it, where that can be written. */
  setListing(commit: string, files: readonly RemoteFile[]): Promise<void>;
  /** Whether a file of a commit is here, and whole. */
  has(commit: string, file: RemoteFile): Promise<boolean>;
  /** Paths of the files that a commit has here. */
  paths(commit: string): Promise<string[]>;
  /** The text of one of them. */
  readText(commit: string, path: string): Promise<string>;
  /**
   * Puts a file of a commit here, unless its content is here already. `fill` is called with what is there of
   * it so far, and by one caller at a time, whatever the number of processes.
   */
  add(commit: string, file: RemoteFile, options: AddOptions): Promise<void>;
}

/** How a store adds a file. */
export interface AddOptions {
  readonly signal: AbortSignal | undefined;
  fill(part: Part, digest: () => Digest): Promise<void>;
}

/** The beginning of a file, as far as it has arrived. */
export interface Part {
  /** In bytes. */
  readonly length: number;
  /** What has arrived. */
  read(): AsyncIterable<Uint8Array>;
  /** Adds bytes at the end. */
  append(bytes: Uint8Array): Promise<void>;
  /** Starts anew. */
  clear(): Promise<void>;
}
