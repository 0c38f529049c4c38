/** The fields of a scheduler's configuration. */
import { UnsupportedModelError } from "../core/errors.ts";

/** Levels of a schedule: published ones have 1000. */
export const mostTimesteps = 100_000;

/** Reads fields, `null` and absent ones alike as absent. */
export class Reader {
  readonly #json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    this.#json = json;
  }

  text(key: string): string | undefined {
    return this.#read(key, "a string", (value) => typeof value === "string");
  }

  /** A number in a range, both ends included. */
  number(key: string, least: number, most: number): number | undefined {
    const value = this.#read<number>(key, "a finite number", (value) => Number.isFinite(value));
    if (value === undefined || value >= least && value <= most) return value;
    throw new RangeError(
      `Cannot read the scheduler config: ${key} is ${value}, expected a number from ${least} to ${most}.`,
    );
  }

  /** A whole number in a range. */
  whole(key: string, least: number, most: number): number | undefined {
    const value = this.number(key, least, most);
    if (value === undefined || Number.isInteger(value)) return value;
    throw new RangeError(`Cannot read the scheduler config: ${key} is ${value}, expected a whole number.`);
  }

  boolean(key: string, otherwise: boolean): boolean {
    return this.#read(key, "true or false", (value) => typeof value === "boolean") ?? otherwise;
  }

  /** A list of finite numbers, no longer than a schedule. */
  numbers(key: string): readonly number[] | undefined {
    return this.#read(
      key,
      `a list of numbers, at most ${mostTimesteps}`,
      (value) => Array.isArray(value) && value.length <= mostTimesteps && value.every(Number.isFinite),
    );
  }

  choice<T extends string>(key: string, choices: readonly T[], otherwise: T): T {
    const value = this.text(key) ?? otherwise;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw new RangeError(
      `Cannot read the scheduler config: ${key} is "${value}", expected ${choices.join(", ")}.`,
    );
  }

  /** Whether an infinity stands here, which JSON can only spell as a word. */
  infinity(key: string): boolean {
    return typeof this.#json[key] === "string" && /^[+-]?inf(inity)?$/i.test(this.#json[key]);
  }

  /** Refuses any value but this one, also the class's default where there is none. */
  only(key: string, supported: string | number | boolean, otherwise: typeof supported = supported): void {
    const value = this.#json[key] ?? otherwise;
    if (value === supported) return;
    throw new UnsupportedModelError(
      `Cannot read the scheduler config: ${key} is ${JSON.stringify(value)}, ` +
        `expected ${JSON.stringify(supported)}, the only one that is supported.`,
    );
  }

  #read<T>(key: string, expected: string, fits: (value: unknown) => boolean): T | undefined {
    const value = this.#json[key] ?? undefined;
    if (value === undefined || fits(value)) return value as T | undefined;
    throw new TypeError(
      `Cannot read the scheduler config: ${key} is ${JSON.stringify(value)}, expected ${expected}.`,
    );
  }
}
