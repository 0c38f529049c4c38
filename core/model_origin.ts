/**
 * Where a model came from, for the record that its pictures carry.
 *
 * @module
 */

/** A file or picture that was used. */
export interface UsedFile {
  /** How the user named it; absent where bytes were given. */
  readonly source?: string;
  /** SHA-256 in hexadecimal digits, or another text that tells it from others; absent where that would cost much. */
  readonly hash?: string;
}

/** A new word that was given. */
export interface UsedInversion extends UsedFile {
  /** How prompts spell it. */
  readonly token: string;
}

/** Where a model came from. */
export interface ModelOrigin {
  /** What the user called it: a path, a name on a hub, `"mini"`. Absent where files or parts were given. */
  readonly source?: string;
  /** Size of its files in all, in bytes, where they are on disk. */
  readonly bytes?: number;
  /** Options that it was opened with and that change pictures, as JSON holds them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Names of options that no record holds. */
  readonly lacks: readonly string[];
  /** New words for prompts, of files. @default {[]} */
  readonly inversions?: readonly UsedInversion[];
}
