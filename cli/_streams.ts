/** Standard output and standard error whose reader may go away. */
import process from "node:process";
import { reasonOf } from "./_reason.ts";
import { UsageError } from "./usage.ts";

/**
 * Lets the program go on when nobody reads any longer: what it makes is in a file.
 *
 * @returns What could not be written for another reason, so far.
 */
export function watchStreams(): () => Error | undefined {
  const streams = { "standard output": process.stdout, "standard error": process.stderr };
  let failure: Error | undefined;
  for (const [name, stream] of Object.entries(streams)) {
    stream.on("error", (error: Error & { code?: string }) => {
      if (error.code === "EPIPE") return;
      failure ??= new UsageError(`Cannot write to ${name}: ${reasonOf(error)}.`);
    });
  }
  return () => failure;
}

/**
 * Writes a command's result to standard output.
 *
 * @throws {UsageError} If it cannot be written there, other than for want of a reader.
 */
export function writeOut(text: string): void {
  try {
    process.stdout.write(text);
  } catch (error) { // files and devices say so at once, pipes later
    if ((error as { code?: string }).code === "EPIPE") return;
    throw new UsageError(`Cannot write to standard output: ${reasonOf(error)}.`);
  }
}
