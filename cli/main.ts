/**
 * The command line: `generate`, `inspect`, `download`, `quantize`.
 *
 * @module
 */
import process from "node:process";
import { download } from "./download.ts";
import { generate } from "./generate.ts";
import { inspect } from "./inspect.ts";
import { printable } from "./printable.ts";
import { quantize } from "./quantize.ts";
import { UsageError } from "./usage.ts";

const commands: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  generate,
  inspect,
  download,
  quantize,
};

/** Runs a command; the exit code is 0, or 1 with one line that says what is wrong. */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  const command = commands[name];
  try {
    if (command === undefined) {
      throw new UsageError(`Unknown command "${name}": expected one of ${Object.keys(commands).join(", ")}.`);
    }
    await command(rest);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(
      `${printable(`${error.name === "Error" ? "" : `${error.name}: `}${error.message}`)}\n`,
    );
    return 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
