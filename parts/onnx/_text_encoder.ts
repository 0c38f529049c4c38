/** Somebody's text encoder: what it calls its inputs and outputs, and of which type, it says itself. */
import type { AnyTensor, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { TextEncoder } from "../../core/parts.ts";
import type { Tensor, TensorData } from "../../core/tensor.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import { FixedRunner } from "../_fixed_runner.ts";
import { portsOf, wrap } from "../_ports.ts";
import { clipTextEncoder } from "../text_encoder.ts";

const part = "the text encoder";

/** Puts tokenizer and model together. */
export function onnxTextEncoder(tokenizer: Tokenizer, load: () => Promise<Runner>): TextEncoder {
  return clipTextEncoder({
    tokenizer,
    async load(clipSkip) {
      if (clipSkip > 0) {
        throw new UnsupportedModelError(
          `Cannot skip ${clipSkip} layers of ${part}: this ONNX model gives its last layer only.`,
        );
      }
      return await wrap(await load(), likeOurs);
    },
  });
}

/** Makes it look like our own graph, which is also told the positions. */
function likeOurs(runner: Runner): Runner {
  const { input_ids: main } = portsOf(runner, { part, inputs: { input_ids: 2 } });
  const output = runner.outputs.find(({ name }) => name === "last_hidden_state") ??
    runner.outputs.find(({ shape }) => shape.length === 3);
  if (output === undefined) {
    const found = runner.outputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
    throw new UnsupportedModelError(
      `Cannot use this model as ${part}: it gives ${found}, expected states of three dimensions.`,
    );
  }
  const network = new FixedRunner(runner, { part, main, scale: 1 });
  return {
    inputs: runner.inputs,
    outputs: [output],
    async run({ input_ids }, options) {
      const outputs = await network.run({ input_ids: asFloats(input_ids!) }, options);
      return { last_hidden_state: outputs[output.name]! };
    },
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

/** Rows can be regrouped as floats only; the backend turns them into what the model takes. */
function asFloats(ids: AnyTensor): Tensor {
  const { data, shape } = ids as Tensor<TensorData>;
  return { data: Float32Array.from<number | bigint>(data, Number), shape };
}
