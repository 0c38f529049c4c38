/** Imports the file system, for what is at a path; where there is none, says what to do without. */
export async function fileSystem(path: string): Promise<typeof import("node:fs/promises")> {
  try {
    return await import("node:fs/promises");
  } catch (cause) {
    const message = `Cannot open "${path}": this platform has no files. Give weights as a Blob or as bytes.`;
    throw new TypeError(message, { cause });
  }
}
