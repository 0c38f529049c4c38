/** Standard output and standard error whose reader may go away. */
import process from "node:process";
import { reasonOf } from "./_reason.ts";
import { UsageError } from "./usage.ts";

/** The streams while a command runs. */
export interface WatchedStreams extends Disposable {
  /** What could not be written for another reason than that nobody reads, so far. */
  failure(): Error | undefined;
}

/** Lets the program go on when nobody reads any longer: what it makes is in a file. */
export function watchStreams(): WatchedStreams {
  const streams = { "standard output": process.stdout, "standard error": process.stderr };
  let failure: Error | undefined;
  const watched = Object.entries(streams).map(([name, stream]) => {
    const onError = (error: Error & { code?: string }) => {
      if (error.code === "EPIPE") return;
      failure ??= new UsageError(`Cannot write to ${name}: ${reasonOf(error)}.`);
    };
    stream.on("error", onError);
    return { stream, onError };
  });
  return {
    failure: () => failure,
    [Symbol.dispose]() {
      for (const { stream, onError } of watched) stream.off("error", onError);
    },
  };
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
