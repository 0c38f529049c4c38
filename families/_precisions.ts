/** The precisions in which a model's parts are loaded. */
import {
  checkPrecision,
  partPrecision,
  type PartPrecisions,
  type Precision,
  precisionName,
  precisionOf,
} from "../backends/precision.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { OpenModelOptions } from "./open_options.ts";

/** A precision for each part. */
export type Precisions = Readonly<Record<keyof PartPrecisions, Required<Precision>>>;

const parts = ["unet", "textEncoder", "vae", "control"] as const;

/**
 * What `dtype` says for each part, float32 where it says nothing; checked before anything is loaded.
 *
 * @throws {UnsupportedModelError} If the backend lacks one.
 * @throws {TypeError} If one is none.
 */
export function modelPrecisions(
  name: string,
  { backend, dtype }: Pick<OpenModelOptions, "backend" | "dtype">,
): Precisions {
  const resolved = parts.map((part) => {
    const asked = partPrecision(dtype, part) ?? "float32";
    const { name: own, precisions } = backend;
    if (precisions === undefined) return [part, precisionOf(asked)] as const;
    return [part, checkPrecision(asked, `"${name}"`, { name: own, precisions })] as const;
  });
  return Object.fromEntries(resolved) as unknown as Precisions;
}

/**
 * For models whose networks keep the types that they were exported in.
 *
 * @param kind What it is, as "ONNX".
 * @throws {UnsupportedModelError} If another precision is asked for than what is stored, or float32.
 * @throws {TypeError} If one is none.
 */
export function refusePrecisions(
  name: string,
  kind: string,
  { dtype }: Pick<OpenModelOptions, "dtype">,
): void {
  for (const part of parts) {
    const precision = precisionOf(partPrecision(dtype, part) ?? {});
    const { weights, activations } = precision;
    if (activations === "float32" && (weights === "stored" || weights === "float32")) continue;
    throw new UnsupportedModelError(
      `Cannot open the ${kind} model "${name}" in ${
        precisionName(precision)
      }: it keeps the types that it was ` +
        `exported with. Choose a file with the option "variant", or open the model as safetensors.`,
    );
  }
}
