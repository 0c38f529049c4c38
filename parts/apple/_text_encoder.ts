/**
 * Apple's text encoder: one row of token ids, as floats.
 */
import type { AnyTensor, Port, Runner, RunOptions } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import type { TextEncoder } from "../../core/parts.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import { clipTextEncoder } from "../text_encoder.ts";
import { BatchedRunner } from "./_batched_runner.ts";
import { inputPort, refuseOtherInputs } from "./_ports.ts";

/** Puts tokenizer and model together. */
export function appleTextEncoder(tokenizer: Tokenizer, load: () => Promise<Runner>): TextEncoder {
  return clipTextEncoder({
    tokenizer,
    async load(clipSkip) {
      if (clipSkip > 0) {
        throw new UnsupportedModelError(
          `Cannot skip ${clipSkip} layers of the text encoder: this model was compiled with its last layer as output.`,
        );
      }
      return new ClipRunner(await load());
    },
  });
}

/** Makes the compiled model look like our own graph of the text encoder, which is also told the positions. */
class ClipRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #runner: Runner;

  constructor(runner: Runner) {
    const ids = inputPort(runner, "input_ids", 2, "the text encoder");
    refuseOtherInputs(runner, (name) => name === "input_ids", "the text encoder");
    this.#runner = new BatchedRunner(runner, ids);
    this.inputs = runner.inputs;
    this.outputs = runner.outputs;
  }

  run({ input_ids }: Readonly<Record<string, AnyTensor>>, options?: RunOptions): Promise<Record<string, AnyTensor>> {
    return this.#runner.run({ input_ids: input_ids! }, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#runner[Symbol.asyncDispose]();
  }
}
