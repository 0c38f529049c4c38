/**
 * Arguments of the command line.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Options by their names in kebab-case. */
export type OptionTable = NonNullable<ParseArgsConfig["options"]>;

/** Values of options by their names, as a command line gives them. */
export type OptionWords = Readonly<Record<string, string | boolean | readonly string[]>>;

/** What was given: words in order, and options by name. */
export interface ParsedArguments {
  /** Arguments without a dash. */
  readonly words: readonly string[];
  /** The text of an option, or `undefined`. */
  text(name: string): string | undefined;
  /** All texts of an option that may be repeated. */
  texts(name: string): readonly string[];
  /** A number, or `undefined`. */
  number(name: string): number | undefined;
  /** Whether a switch was given. */
  flag(name: string): boolean;
}

/**
 * Parses arguments.
 *
 * @param defaults Values of options that are not given.
 * @throws {UsageError} If an option is unknown, lacks its value, or is not a number where one is expected.
 */
export function parseArguments(
  args: readonly string[],
  options: OptionTable,
  defaults: OptionWords = {},
): ParsedArguments {
  const { values: given, positionals } = parse(args, options);
  const values: OptionWords = { ...defaults, ...given as OptionWords };
  const text = (name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    words: positionals,
    text,
    texts(name) {
      const value = values[name];
      return typeof value === "object" ? value : [];
    },
    number(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      const parsed = Number(value);
      if (value.trim() !== "" && !Number.isNaN(parsed)) return parsed;
      throw new UsageError(`Cannot read --${name} ${value}: expected a number.`);
    },
    flag: (name) => values[name] === true,
  };
}

function parse(args: readonly string[], options: OptionTable) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const [, unknown] = (error as Error).message.match(/^Unknown option '(--?[\w-]+)'/) ?? [];
    const known = Object.keys(options).map((name) => `--${name}`).join(" ");
    throw new UsageError(
      unknown === undefined ? (error as Error).message : `Unknown option ${unknown}: expected ${known}.`,
    );
  }
}
