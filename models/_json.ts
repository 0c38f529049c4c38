/** Reads the fields of a `config.json`, with errors that name the file's field. */
import type { Json } from "../core/json.ts";

/** A whole number, or the default where the field is absent or null. */
export function number(config: Json, field: string, fallback?: number): number {
  const value = config[field] ?? fallback;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${JSON.stringify(config[field])}, expected a number.`,
  );
}

/** A list of numbers; one number stands for `length` equal ones. */
export function numbers(
  config: Json,
  field: string,
  length: number,
  fallback?: number | readonly number[],
): number[] {
  const value = config[field] ?? fallback;
  if (typeof value === "number") return Array(length).fill(value);
  if (Array.isArray(value) && value.length === length && value.every((item) => typeof item === "number")) {
    return value;
  }
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${
      JSON.stringify(config[field])
    }, expected a number or ${length} numbers.`,
  );
}

/** One list of numbers for each of `lengths`; one number stands for a list of equal ones, or for all lists. */
export function numberLists(
  config: Json,
  field: string,
  lengths: readonly number[],
  fallback: unknown,
): number[][] {
  const value = config[field] ?? fallback;
  const lists = Array.isArray(value) ? value : Array(lengths.length).fill(value);
  const filled = lists.map((list, i) => typeof list === "number" ? Array(lengths[i]).fill(list) : list);
  const fits = filled.length === lengths.length &&
    filled.every((list, i) =>
      Array.isArray(list) && list.length === lengths[i] && list.every((item) => typeof item === "number")
    );
  if (fits) return filled;
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${
      JSON.stringify(config[field])
    }, expected a number, or ${lengths.length} numbers or lists of ${lengths.join(", ")} numbers.`,
  );
}

/** A list of booleans; one stands for `length` equal ones. */
export function booleans(config: Json, field: string, length: number, fallback: boolean): boolean[] {
  const value = config[field] ?? fallback;
  if (typeof value === "boolean") return Array(length).fill(value);
  if (Array.isArray(value) && value.length === length && value.every((item) => typeof item === "boolean")) {
    return value;
  }
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${
      JSON.stringify(config[field])
    }, expected a boolean or ${length} booleans.`,
  );
}

/** A boolean, or the default where the field is absent or null. */
export function boolean(config: Json, field: string, fallback: boolean): boolean {
  return booleans(config, field, 1, fallback)[0]!;
}

/** One of the given words. */
export function word<T extends string>(config: Json, field: string, words: readonly T[], fallback: T): T {
  const value = config[field] ?? fallback;
  const found = words.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${JSON.stringify(value)}, expected one of ${words.join(", ")}.`,
  );
}

/** A list of words. */
export function words(config: Json, field: string): string[] {
  const value = config[field];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${JSON.stringify(value)}, expected a list of names.`,
  );
}
