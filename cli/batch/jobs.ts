/**
 * The jobs of a batch: a line of text each, a JSON object each, or a row each of a table.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import { type OptionTable, type OptionWords, parsedArguments, UsageError } from "../usage.ts";

/** One picture of a batch. */
export interface Job {
  /** Its line in the file, from 1. */
  readonly line: number;
  /** What to show. */
  readonly prompt: string;
  /** Its own options, which count before those of all. */
  readonly words: OptionWords;
}

/** A line that is none. */
export interface Malformed {
  /** Its number, from 1. */
  readonly line: number;
  /** What is wrong with it, as a sentence. */
  readonly problem: string;
}

/** What a file asks for. */
export interface Jobs {
  /** In the order of their lines. */
  readonly jobs: readonly Job[];
  /** Lines that are none, likewise. */
  readonly malformed: readonly Malformed[];
}

/** A line's fields by their names. */
type Fields = Readonly<Record<string, unknown>>;
/** Lines by their numbers; a text is what is wrong with one. */
type Lines = readonly (readonly [line: number, fields: Fields | string])[];

/**
 * Reads a file of prompts: `.txt`, a prompt a line, `#` before what is none; `.jsonl`, an object a line; `.csv`, with the
 * names of options in its first row. Objects and rows have a `prompt` and may have options of their own.
 *
 * @param table Options that a line may have.
 * @throws {UsageError} If the file is of another kind, or a table without a column of prompts.
 */
export function readJobs(path: string, text: string, table: OptionTable): Jobs {
  const kind = path.match(/\.(\w+)$/)?.[1]?.toLowerCase() ?? "";
  const read = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (read === undefined) {
    throw new UsageError(
      `Cannot read the prompts "${path}": expected a name that ends in .${Object.keys(kinds).join(", .")}.`,
    );
  }
  const jobs: Job[] = [];
  const malformed: Malformed[] = [];
  for (const [line, fields] of read(text.replace(/^\ufeff/, ""), path)) {
    try {
      if (typeof fields === "string") throw new UsageError(fields);
      jobs.push(jobOf(line, fields, table));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      malformed.push({ line, problem: error.message });
    }
  }
  return { jobs, malformed: malformed.sort((one, other) => one.line - other.line) };
}

const kinds: Readonly<Record<string, (text: string, path: string) => Lines>> = {
  txt: (text) =>
    text.split(/\r?\n/).flatMap((line, i) => {
      const prompt = line.trim();
      return prompt === "" || prompt.startsWith("#") ? [] : [[i + 1, { prompt }] as const];
    }),
  jsonl: (text) =>
    text.split(/\r?\n/).flatMap((line, i) => line.trim() === "" ? [] : [[i + 1, objectOf(line)] as const]),
  csv: rowsOf,
};

function objectOf(line: string): Fields | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch { /* said below */ }
  return 'It is no JSON object, expected one as {"prompt": "a house", "seed": 7}.';
}

function rowsOf(text: string, path: string): Lines {
  const lines: [number, Fields | string][] = [];
  let columns: string[] = [];
  const rows = parse(text, {
    info: true,
    relaxColumnCountLess: true,
    skipEmptyLines: true,
    skipRecordsWithError: true,
    trim: true,
    columns: (header: string[]) => columns = header,
    onSkip: (error) =>
      void lines.push([Number(error?.["lines"] ?? 0), `It is no row of the table: ${error?.code}.`]),
  }) as unknown as readonly { readonly record: Fields; readonly info: { readonly lines: number } }[];
  if (!columns.includes("prompt")) {
    throw new UsageError(
      `Cannot read the prompts "${path}": its first row has the columns ${
        JSON.stringify(columns.join(", "))
      }, expected one called prompt.`,
    );
  }
  for (const { record, info } of rows) {
    const given = Object.entries(record).filter(([, value]) => value !== "" && value !== undefined);
    lines.push([info.lines, Object.fromEntries(given)]);
  }
  return lines;
}

/** Names are those of the command line or, as in code, without dashes. */
function jobOf(line: number, { prompt, ...options }: Fields, table: OptionTable): Job {
  if (typeof prompt !== "string" || prompt.trim() === "") {
    throw new UsageError("It has no prompt, expected a text.");
  }
  const words: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    const word = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (!Object.hasOwn(table, word)) {
      throw new UsageError(
        `It has the option ${JSON.stringify(name)}, expected prompt, ${Object.keys(table).join(", ")}.`,
      );
    }
    if (typeof value !== "string" && typeof value !== "number") {
      throw new UsageError(`Its ${name} is ${JSON.stringify(value)}, expected a text or a number.`);
    }
    words[word] = `${value}`;
  }
  parsedArguments(table, [], words);
  return { line, prompt, words };
}
