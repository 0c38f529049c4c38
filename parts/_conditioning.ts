/** What a network is told about the prompt. */
import type { Conditioning } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";

/**
 * An entry that a network cannot do without.
 *
 * @throws {TypeError} If it is not there.
 */
export function entry(conditioning: Conditioning, name: string, part: string): Tensor {
  const tensor = conditioning[name];
  if (tensor !== undefined) return tensor;
  throw new TypeError(
    `Cannot prepare ${part}: the conditioning has ${
      Object.keys(conditioning).join(", ") || "no entry"
    }, expected "${name}" among them.`,
  );
}
