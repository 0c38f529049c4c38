/**
 * How a network is held and computed, said apart: the type of its weights, and the type of what flows between its
 * operators. A short name stands for one of both.
 *
 * @module
 */
import { checkOptions } from "../core/check_options.ts";
import { UnsupportedModelError } from "../core/errors.ts";

/** How a network is held and computed. */
export interface Precision {
  /**
   * How its weights are held. `stored` is as their file has them; `int8` and `int4` are weights only, computed in the
   * type of the activations.
   * @default {"stored"}
   */
  readonly weights?: "stored" | "float32" | "float16" | "int8" | "int4";
  /** The type of activations: what is multiplied with the weights. @default {"float32"} */
  readonly activations?: "float32" | "bfloat16" | "float16" | "int8";
}

/** A short name of a {@linkcode Precision}; {@linkcode precisionOf} says which. */
export type PrecisionName = "float32" | "float16" | "bfloat16" | "int8" | "int8-dynamic" | "int4" | "w8a8";

/** A precision for each part of a model; a part that is not named has its default. */
export interface PartPrecisions {
  /** The UNet, whatever it was trained for. */
  readonly unet?: Precision | PrecisionName;
  /** The text encoder. */
  readonly textEncoder?: Precision | PrecisionName;
  /** Encoder and decoder of pictures. */
  readonly vae?: Precision | PrecisionName;
  /** Controls that the model opens. */
  readonly control?: Precision | PrecisionName;
}

/** A precision of a whole model, or of its parts. */
export type ModelPrecision = Precision | PrecisionName | PartPrecisions;

/** What {@linkcode checkPrecision} is told of a backend. */
export interface PrecisionClaim {
  /** The backend's name. */
  readonly name: string;
  /** The precisions that it has. */
  readonly precisions: readonly (Precision | PrecisionName)[];
}

const weightTypes = ["stored", "float32", "float16", "int8", "int4"] as const;
const activationTypes = ["float32", "bfloat16", "float16", "int8"] as const;
const parts = ["unet", "textEncoder", "vae", "control"] as const;

/**
 * What each name stands for. `int8-dynamic` narrows weights as they are loaded and finds the scales of activations
 * while it runs; `w8a8` takes weights and scales that were found before, from the file.
 */
const meanings: Readonly<Record<PrecisionName, Required<Precision>>> = {
  "float32": { weights: "float32", activations: "float32" },
  "float16": { weights: "float16", activations: "float16" },
  "bfloat16": { weights: "stored", activations: "bfloat16" },
  "int8": { weights: "int8", activations: "float32" },
  "int8-dynamic": { weights: "int8", activations: "int8" },
  "int4": { weights: "int4", activations: "float32" },
  "w8a8": { weights: "stored", activations: "int8" },
};

/** The short names. */
export const PRECISION_NAMES: readonly PrecisionName[] = Object.keys(meanings) as PrecisionName[];

/**
 * Both halves of a precision.
 *
 * @throws {TypeError} If it is none.
 *
 * @example
 * ```ts
 * import { precisionOf } from "@mobile-diffusion/sdk/backends";
 *
 * console.log(precisionOf("int8")); // { weights: "int8", activations: "float32" }
 * console.log(precisionOf({ weights: "float16", activations: "float16" })); // what "float16" stands for
 * ```
 */
export function precisionOf(asked: Precision | PrecisionName): Required<Precision> {
  if (typeof asked === "string") {
    if (Object.hasOwn(meanings, asked)) return meanings[asked];
    throw new TypeError(
      `Cannot compute in "${asked}": expected ${PRECISION_NAMES.join(", ")}, or { weights, activations }.`,
    );
  }
  checkOptions(asked, { action: "choose a precision", known: ["weights", "activations"] });
  const { weights = "stored", activations = "float32" } = asked;
  for (
    const [half, value, known] of [
      ["weights", weights, weightTypes],
      ["activations", activations, activationTypes],
    ] as const
  ) {
    if ((known as readonly string[]).includes(value)) continue;
    throw new TypeError(
      `Cannot choose a precision: ${half} are ${JSON.stringify(value)}, expected ${known.join(", ")}.`,
    );
  }
  return { weights, activations };
}

/** The short name of a precision, or words for one that has none. */
export function precisionName(asked: Precision | PrecisionName): string {
  const { weights, activations } = precisionOf(asked);
  return PRECISION_NAMES.find((name) => equal(meanings[name], { weights, activations })) ??
    `${weights} weights with ${activations} activations`;
}

/** Whether a precision is among some. */
export function hasPrecision(
  precisions: readonly (Precision | PrecisionName)[],
  asked: Precision | PrecisionName,
): boolean {
  const precision = precisionOf(asked);
  return precisions.some((has) => equal(precisionOf(has), precision));
}

/**
 * The precision asked for, where a backend has it.
 *
 * @param program What is to be loaded, for the error.
 * @throws {UnsupportedModelError} If the backend lacks it.
 * @throws {TypeError} If it is none.
 */
export function checkPrecision(
  asked: Precision | PrecisionName,
  program: string,
  { name, precisions }: PrecisionClaim,
): Required<Precision> {
  const precision = precisionOf(asked);
  if (hasPrecision(precisions, precision)) return precision;
  throw new UnsupportedModelError(
    `Cannot load ${program} in ${precisionName(precision)} on ${name}: it has ${
      precisions.map(precisionName).join(", ")
    }.`,
  );
}

/**
 * For a program that keeps the types that it was exported in.
 *
 * @param program What is to be loaded, for the error.
 * @param kind Its kind, as "an ONNX".
 * @throws {UnsupportedModelError} If a precision is asked for; "stored" ones, and nothing, are what it has.
 * @throws {TypeError} If it is none.
 */
export function refuseOtherTypes(
  program: string,
  kind: string,
  { dtype = {} }: { readonly dtype?: Precision | PrecisionName },
): void {
  if (equal(precisionOf(dtype), precisionOf({}))) return;
  throw new UnsupportedModelError(
    `Cannot load ${program} in ${
      precisionName(dtype)
    }: ${kind} model keeps the types that it was exported in, ` +
      `so leave dtype away.`,
  );
}

/**
 * The precision that a model's option says for one of its parts, as it was given.
 *
 * @throws {TypeError} If it is none.
 */
export function partPrecision(
  asked: ModelPrecision | undefined,
  part: keyof PartPrecisions,
): Precision | PrecisionName | undefined {
  if (asked === undefined) return undefined;
  const whole = typeof asked !== "object" || asked === null || "weights" in asked || "activations" in asked;
  if (!whole) checkOptions(asked, { action: "choose a precision", known: parts });
  const own = whole ? asked as Precision | PrecisionName : (asked as PartPrecisions)[part];
  if (own !== undefined) precisionOf(own);
  return own;
}

function equal(a: Required<Precision>, b: Required<Precision>): boolean {
  return a.weights === b.weights && a.activations === b.activations;
}
