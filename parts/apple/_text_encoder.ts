/** Apple's text encoder: one row of token ids, as floats. */
import type { AnyTensor, Port, Runner, RunOptions } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { TextEncoder } from "../../core/parts.ts";
import type { Tensor, TensorData } from "../../core/tensor.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import { clipTextEncoder } from "../text_encoder.ts";
import { FixedRunner } from "../_fixed_runner.ts";
import { portsOf, wrap } from "../_ports.ts";

const part = "the text encoder";

/** Puts tokenizer and model together. */
export function appleTextEncoder(tokenizer: Tokenizer, load: () => Promise<Runner>): TextEncoder {
  return clipTextEncoder({
    tokenizer,
    async load(clipSkip) {
      if (clipSkip > 0) {
        throw new UnsupportedModelError(
          `Cannot skip ${clipSkip} layers of ${part}: the compiled model ends with its last one.`,
        );
      }
      return await wrap(await load(), (runner) => new ClipRunner(runner));
    },
  });
}

/** Makes the compiled model look like our own graph of the text encoder, which is also told the positions. */
class ClipRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #runner: Runner;

  constructor(runner: Runner) {
    const { input_ids: main } = portsOf(runner, { part, inputs: { input_ids: 2 } });
    this.#runner = new FixedRunner(runner, { part, main, scale: 1 });
    this.inputs = runner.inputs;
    this.outputs = runner.outputs;
  }

  run(inputs: Readonly<Record<string, AnyTensor>>, options?: RunOptions): Promise<Record<string, AnyTensor>> {
    const { data, shape } = inputs["input_ids"] as Tensor<TensorData>;
    const input_ids = { data: Float32Array.from<number | bigint>(data, Number), shape };
    return this.#runner.run({ input_ids }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
  }
}
