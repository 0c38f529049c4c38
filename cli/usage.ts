/**
 * Commands and their options: what a command says of itself, and what a user said to it.
 *
 * @module
 */

/** The command line was not understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An option, in the one place where it is described. */
export interface OptionEntry {
  /** What it does, as a part of a sentence: "pixels across, a multiple of 8". */
  readonly text: string;
  /** What its value is, as "file" or "number"; without it the option is a switch. */
  readonly value?: string;
  /** Its letter. */
  readonly short?: string;
  /** The values that it may have. */
  readonly choices?: readonly string[];
  /** The range of a number, as "1 … 1024". Its value is then a number. */
  readonly range?: string;
  /** What holds where it is not given. */
  readonly default?: string;
  /** Whether it may be given more than once. */
  readonly multiple?: boolean;
  /** The heading of the help that it stands under. @default {"Options"} */
  readonly group?: string;
}

/** Options by their names: those of the SDK in kebab-case. */
export type OptionTable = Readonly<Record<string, OptionEntry>>;

/** A command. */
export interface CommandEntry {
  /** As it is typed. */
  readonly name: string;
  /** What it does, as a part of a sentence. */
  readonly text: string;
  /** Its words without dashes by their names, with what each is. */
  readonly words: Readonly<Record<string, string>>;
  /** Its options. */
  readonly options: OptionTable;
  /** Arguments that work, one or more. */
  readonly examples: readonly string[];
  /** Does it. */
  run(given: ParsedArguments): Promise<void>;
}

/** Values of options by their names, as a command line gives them. */
export type OptionWords = Readonly<Record<string, string | boolean | readonly string[]>>;

/** What was given: words in order, and options by name. */
export interface ParsedArguments {
  /** Arguments without a dash. */
  readonly words: readonly string[];
  /** Whether an option was given, and not only filled in. */
  isGiven(name: string): boolean;
  /** The same with values for options that were not given. */
  filledIn(values: OptionWords): ParsedArguments;
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
 * Checks values against their table.
 *
 * @throws {UsageError} If one is no number where one is expected, or none of the choices.
 */
export function parsedArguments(
  table: OptionTable,
  words: readonly string[],
  given: OptionWords,
  fillings: OptionWords = {},
): ParsedArguments {
  const values: OptionWords = { ...fillings, ...given };
  for (const [name, value] of Object.entries(values)) {
    const entry = table[name];
    if (entry !== undefined) { for (const one of [value].flat()) check(name, one, entry); }
  }
  const text = (name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    words,
    isGiven: (name) => Object.hasOwn(given, name),
    filledIn: (more) => parsedArguments(table, words, given, { ...fillings, ...more }),
    text,
    texts(name) {
      const value = values[name];
      return typeof value === "object" ? value : [];
    },
    number(name) {
      const value = text(name);
      return value === undefined ? undefined : Number(value);
    },
    flag: (name) => values[name] === true,
  };
}

/** What was given of some options, and not only filled in. */
export function givenWords(given: ParsedArguments, names: readonly string[]): OptionWords {
  const told = names.filter((name) => given.isGiven(name));
  return Object.fromEntries(told.map((name) => {
    const list = given.texts(name);
    return [name, list.length > 0 ? list : given.text(name) ?? given.flag(name)];
  }));
}

function check(name: string, value: string | boolean, { range, choices }: OptionEntry): void {
  if (typeof value === "boolean") return;
  if (range !== undefined && (value.trim() === "" || Number.isNaN(Number(value)))) {
    throw new UsageError(`Cannot read --${name} ${value}: expected a number, ${range}.`);
  }
  if (choices !== undefined && !choices.includes(value)) {
    throw new UsageError(`Unknown --${name} ${value}: expected one of ${choices.join(", ")}.`);
  }
}
