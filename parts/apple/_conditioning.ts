/**
 * A prompt's hidden states as Apple's networks take them.
 */
import type { Port } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { Conditioning } from "../../core/parts.ts";
import type { Tensor } from "../../core/tensor.ts";
import { entry } from "../_conditioning.ts";
import { fixedSize } from "../_ports.ts";

/**
 * `[rows, tokens, dim]` to `[rows, dim, 1, tokens]`: channels first, so that the Neural Engine can run projections
 * as 1 × 1 convolutions.
 *
 * @throws {RangeError} If tokens or dim are not those that the model was compiled for.
 * @throws {UnsupportedModelError} If tokens are masked out: the networks have no mask.
 */
export function channelsFirst(conditioning: Conditioning, port: Port, part: string): Tensor {
  const hidden = entry(conditioning, "encoder_hidden_states", part);
  const mask = conditioning["encoder_attention_mask"];
  const [rows, tokens, dim] = hidden.shape as [number, number, number];
  const [compiledDim, compiledTokens] = [fixedSize(port, 1) ?? dim, fixedSize(port, 3) ?? tokens];
  if (dim !== compiledDim || tokens !== compiledTokens) {
    throw new RangeError(
      `Cannot prepare ${part}: the prompt is ${tokens} tokens of ${dim} numbers, but this model was compiled for ` +
        `${compiledTokens} of ${compiledDim}.`,
    );
  }
  if (mask?.data.some((seen) => seen === 0)) {
    throw new UnsupportedModelError(
      `Cannot prepare ${part}: the prompt masks tokens, and this model has no mask.`,
    );
  }
  const data = new Float32Array(hidden.data.length);
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < tokens; t++) {
      for (let d = 0; d < dim; d++) {
        data[(row * dim + d) * tokens + t] = hidden.data[(row * tokens + t) * dim + d]!;
      }
    }
  }
  return { data, shape: [rows, dim, 1, tokens] };
}
