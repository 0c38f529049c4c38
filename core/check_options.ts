/**
 * Whether options are what they are called: for callers without types, and for names that were mistyped.
 *
 * @module
 */

/** What a function takes, for {@linkcode checkOptions}. */
export interface OptionNames {
  /** What the caller is doing, as "generate". */
  readonly action: string;
  /** All options there are. */
  readonly known: readonly string[];
}

/**
 * Refuses anything but an object with known fields.
 *
 * @throws {TypeError} If it is none, or a field is unknown; the message names those there are.
 */
export function checkOptions(options: unknown, { action, known }: OptionNames): void {
  const example = `an object such as { ${known[0]}: … }`;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const given = options === null ? "null" : Array.isArray(options) ? "a list" : `a ${typeof options}`;
    throw new TypeError(`Cannot ${action}: the options are ${given}, expected ${example}.`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `Cannot ${action}: there is no option "${unknown}", expected one of ${known.toSorted().join(", ")}.`,
  );
}
