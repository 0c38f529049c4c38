/** The fields of a scheduler's configuration. */
import { UnsupportedModelError } from "../core/errors.ts";

/** Reads fields, `null` and absent ones alike as absent. */
export class Reader {
  readonly #json: Readonly<Record<string, unknown>>;

  constructor(json: Readonly<Record<string, unknown>>) {
    this.#json = json;
  }

  text(key: string): string | undefined {
    return this.#read(key, "a string", (value) => typeof value === "string");
  }

  number(key: string): number | undefined {
    return this.#read(key, "a finite number", (value) => typeof value === "number" && Number.isFinite(value));
  }

  boolean(key: string, otherwise: boolean): boolean {
    return this.#read(key, "true or false", (value) => typeof value === "boolean") ?? otherwise;
  }

  numbers(key: string): readonly number[] | undefined {
    const isNumber = (value: unknown) => typeof value === "number" && Number.isFinite(value);
    return this.#read(key, "a list of numbers", (value) => Array.isArray(value) && value.every(isNumber));
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
