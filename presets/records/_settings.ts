/** The settings of a picture, taken one by one, so that what nobody took can be named. */
import { parseObject } from "./_json_texts.ts";
import { unreadable } from "./request.ts";

/** Named texts or values out of a file. */
export class Settings {
  readonly #left: Map<string, unknown>;

  /** Starts with all of them. */
  constructor(all: Readonly<Record<string, unknown>>) {
    this.#left = new Map(Object.entries(all));
  }

  /** Takes a value; `undefined` where there is none. */
  take(name: string): unknown {
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value ?? undefined;
  }

  /** Takes a value as a text. */
  text(name: string): string | undefined {
    const value = this.take(name);
    return value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value);
  }

  /**
   * Takes a number.
   *
   * @throws {TypeError} If it is none.
   */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value)) return value;
    throw unreadable(`its ${name} is ${JSON.stringify(text)}`, "a number");
  }

  /**
   * Takes a size as `512x768`.
   *
   * @throws {TypeError} If it is none.
   */
  size(name: string): { readonly width?: number; readonly height?: number } {
    const text = this.text(name);
    if (text === undefined) return {};
    const [, width, height] = text.match(/^\s*(\d{1,6})\s*x\s*(\d{1,6})\s*$/) ?? [];
    if (width !== undefined) return { width: Number(width), height: Number(height) };
    throw unreadable(`its ${name} is ${JSON.stringify(text)}`, "a size as 512x512");
  }

  /**
   * Takes one of some words.
   *
   * @throws {TypeError} If it is none of them.
   */
  oneOf<T extends string>(name: string, expected: readonly T[]): T | undefined {
    const text = this.text(name);
    const found = expected.find((word) => word === text);
    if (text === undefined || found !== undefined) return found;
    throw unreadable(`its ${name} is ${JSON.stringify(text)}`, expected.join(" or "));
  }

  /**
   * Takes a JSON object.
   *
   * @throws {TypeError} If it is none.
   */
  json(name: string): Readonly<Record<string, unknown>> | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseObject(text, `its ${name}`);
  }

  /** A text that stays where it is. */
  peek(name: string): string | undefined {
    const value = this.#left.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** All texts that nobody took. */
  texts(): Record<string, string> {
    return Object.fromEntries([...this.#left].map(([name, value]) => [name, String(value)]));
  }

  /** Takes everything whose name fits, as `name: value`. */
  matching(pattern: RegExp): string[] {
    const found = [...this.#left].filter(([name]) => pattern.test(name));
    for (const [name] of found) this.#left.delete(name);
    return found.map(([name, value]) =>
      `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`
    );
  }

  /** Takes all that is left and changes a picture: values that say "no" are passed over. */
  rest(): string[] {
    const none = new Set<unknown>([undefined, null, false, "", "False", "false", "None", "none"]);
    for (const [name, value] of this.#left) if (none.has(value)) this.#left.delete(name);
    return this.matching(/(?:)/);
  }
}

/** `{ name: value }`, or nothing where there is no value. */
export function optional<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: T };
}
