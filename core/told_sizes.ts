/**
 * Sizes that some networks are told beside the prompt (Podell et al. 2023, "SDXL", section 2.2).
 *
 * @module
 */

/** What a picture was cut from, in pixels; sizes that are not the result's change the picture. */
export interface ToldSizes {
  /** Size of the original. @default {the result's} */
  readonly original?: { readonly width: number; readonly height: number };
  /** Top left corner of the part of it that is shown. @default {{ top: 0, left: 0 }} */
  readonly crop?: { readonly top: number; readonly left: number };
  /** Size that the part was brought to. @default {the result's} */
  readonly target?: { readonly width: number; readonly height: number };
}

/** The sizes of a run. */
export interface RunSizes extends ToldSizes {
  /** Those that go with the negative prompt; fields that are absent here are the prompt's. @default {the prompt's} */
  readonly negative?: ToldSizes;
}

/**
 * Checks sizes that a caller gave.
 *
 * @throws {TypeError} If a field is unknown.
 * @throws {RangeError} If a number is no whole number of 0 or more, or a size is 0.
 */
export function checkSizes(sizes: RunSizes, path: string = "sizes"): void {
  for (const [name, value] of Object.entries(sizes) as [string, Readonly<Record<string, unknown>>][]) {
    const fields = Object.hasOwn(known, name) ? known[name] : undefined;
    if (fields === undefined && (name !== "negative" || path !== "sizes")) {
      throw new TypeError(
        `Cannot generate with ${path}.${name}: expected ${Object.keys(known).join(", ")}${
          path === "sizes" ? " or negative" : ""
        }.`,
      );
    }
    if (value === undefined) continue;
    if (fields === undefined) {
      checkSizes(value as ToldSizes, `${path}.${name}`);
      continue;
    }
    const own = Object.keys(value);
    if (own.length !== fields.length || !fields.every((field) => own.includes(field))) {
      throw new TypeError(
        `Cannot generate with ${path}.${name}: it has ${own.join(", ") || "no field"}, expected ${
          fields.join(" and ")
        }.`,
      );
    }
    const least = name === "crop" ? 0 : 1;
    for (const field of fields) {
      const pixels = value[field];
      if (Number.isInteger(pixels) && pixels as number >= least && pixels as number <= most) continue;
      throw new RangeError(
        `Cannot generate with ${path}.${name}.${field} ${pixels}: expected a whole number from ${least} to ${most}.`,
      );
    }
  }
}

/** Fields of each entry. */
const known: Readonly<Record<string, readonly string[]>> = {
  original: ["width", "height"],
  crop: ["top", "left"],
  target: ["width", "height"],
};

/** Pixels of a side: what sinusoids of this kind tell apart. */
const most = 1 << 16;
