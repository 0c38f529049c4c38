/** What a compiled model says about itself, and whether it is what it should be. */
import type { Port, Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";

/** The inputs that a part must have, with their ranks, and those that it may have. */
export interface ExpectedInputs<Name extends string> {
  /** What the part is, for messages. */
  readonly part: string;
  readonly inputs: Readonly<Record<Name, number>>;
  readonly optional?: (name: string) => boolean;
}

/**
 * The ports of a part.
 *
 * @throws {UnsupportedModelError} If one is missing or of another rank, or if there are others.
 */
export function portsOf<Name extends string>(
  { inputs }: Runner,
  { part, inputs: expected, optional = () => false }: ExpectedInputs<Name>,
): Record<Name, Port> {
  const names = Object.keys(expected) as Name[];
  const found = names.map((name) =>
    inputs.find((port) => port.name === name && port.shape.length === expected[name])
  );
  const others = inputs.filter(({ name }) => !names.includes(name as Name) && !optional(name));
  if (found.includes(undefined) || others.length > 0) {
    const own = inputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
    throw new UnsupportedModelError(
      `Cannot use this model as ${part}: it takes ${own}, expected ${names.join(", ")}, as models of ` +
        `Stable Diffusion 1.x and 2.x do.`,
    );
  }
  return Object.fromEntries(names.map((name, i) => [name, found[i]])) as Record<Name, Port>;
}

/** Makes something of a loaded model; frees the model if that fails. */
export async function wrap<T>(runner: Runner, make: (runner: Runner) => T): Promise<T> {
  try {
    return make(runner);
  } catch (error) {
    await runner[Symbol.asyncDispose]();
    throw error;
  }
}

/** A port's size along an axis, where it is fixed. */
export function fixedSize({ shape }: Port, axis: number): number | undefined {
  const size = shape[axis];
  return typeof size === "number" ? size : undefined;
}
