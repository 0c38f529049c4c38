import { builtin } from "../core/platform.ts";

/** Imports the file system, for what is at a path; where there is none, says what to do without. */
export function fileSystem(path: string): typeof import("node:fs/promises") {
  try {
    return builtin("node:fs/promises");
  } catch (cause) {
    const message = `Cannot open "${path}": this platform has no files. Give weights as a Blob or as bytes.`;
    throw new TypeError(message, { cause });
  }
}
