/**
 * The command line: `mobile-diffusion generate`, `batch`, `grid`, `inspect`, `download`, `quantize`.
 *
 * @example
 * ```ts ignore
 * import { main } from "@mobile-diffusion/sdk/cli";
 *
 * const code = await main(["generate", "a red house", "--out", "house.png"]);
 * ```
 *
 * @module
 */
import process from "node:process";
import { runProgram } from "./program.ts";
import { VERSION } from "./_version.ts";
import { batchCommand } from "./batch.ts";
import { downloadCommand } from "./download.ts";
import { generateCommand } from "./generate.ts";
import { gridCommand } from "./grid.ts";
import { inspectCommand } from "./inspect.ts";
import { EndedBySignal } from "./_signals.ts";
import { watchStreams } from "./_streams.ts";
import { printable } from "./printable.ts";
import { quantizeCommand } from "./quantize.ts";

/** Runs a command; the exit code is 0, or 1 with one line on standard error that says what is wrong. */
export async function main(args: readonly string[]): Promise<number> {
  const commands = [
    generateCommand,
    batchCommand,
    gridCommand,
    inspectCommand,
    downloadCommand,
    quantizeCommand,
  ];
  using streams = watchStreams();
  const code = await runProgram(commands, VERSION, args).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    return say(error);
  });
  const failure = streams.failure();
  return failure === undefined ? code : say(failure);
}

/** One line, and the exit code. */
function say(error: Error): number {
  const kind = error.name === "Error" ? "" : `${error.name}: `;
  process.stderr.write(`${printable(`${kind}${error.message}`)}\n`);
  return error instanceof EndedBySignal ? error.exitCode : 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
