/**
 * What a compiled model says about itself.
 */
import type { Port, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";

/**
 * The input of a name.
 *
 * @throws {UnsupportedModelError} If the model has none, or it is of another rank.
 */
export function inputPort({ inputs }: Runner, name: string, rank: number, part: string): Port {
  const port = inputs.find((port) => port.name === name);
  if (port?.shape.length === rank) return port;
  const found = inputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
  throw new UnsupportedModelError(
    `Cannot use this model as ${part}: it takes ${found}, expected "${name}" with ${rank} dimensions.`,
  );
}

/**
 * Checks that a model takes nothing that nobody will give it.
 *
 * @throws {UnsupportedModelError} If it does.
 */
export function refuseOtherInputs({ inputs }: Runner, known: (name: string) => boolean, part: string): void {
  const others = inputs.map(({ name }) => name).filter((name) => !known(name));
  if (others.length === 0) return;
  throw new UnsupportedModelError(
    `Cannot use this model as ${part}: it also takes ${others.join(", ")}. Expected a model of Stable Diffusion 1.x or 2.x.`,
  );
}

/**
 * Checks the sizes of a latent or a picture against the ones that the model was compiled for.
 *
 * @param scale Picture pixels per pixel of the tensor.
 * @throws {RangeError} If they differ.
 */
export function checkSize(shape: readonly number[], { shape: compiled }: Port, scale: number, part: string): void {
  const [height, width] = [compiled[2]!, compiled[3]!];
  const fits = (size: number | string, asked: number) => typeof size === "string" || size === asked;
  if (fits(height, shape[2]!) && fits(width, shape[3]!)) return;
  const pixels = (height: number | string, width: number | string) => `${Number(width) * scale} × ${Number(height) * scale}`;
  throw new RangeError(
    `Cannot run ${part} for a picture of ${pixels(shape[2]!, shape[3]!)} pixels: this model was compiled for ` +
      `${pixels(height, width)}. Ask for that size, or convert the model for the other.`,
  );
}

/** A port's size along an axis, where it is fixed. */
export function fixedSize({ shape }: Port, axis: number): number | undefined {
  const size = shape[axis];
  return typeof size === "number" ? size : undefined;
}
