/**
 * Models exported to ONNX in optimum's layout: a folder for each network, text encoders that give the states of all
 * layers, a UNet that is told the text as one vector (`text_embeds`) and six sizes (`time_ids`).
 *
 * @module
 */
import type { AnyTensor, Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Model } from "../../core/model.ts";
import { SDXL_LATENT_TO_RGB } from "../../pipeline/preview.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import { FixedRunner } from "../../parts/_fixed_runner.ts";
import { portsOf, wrap } from "../../parts/_ports.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";
import { onnxModel } from "../_onnx_model.ts";
import type { Components } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { XL_DEFAULTS, XL_SCALING_FACTOR, XL_SCHEDULER, xlTokenizers, zerosRule } from "./_defaults.ts";
import { KeptStates } from "./_kept_states.ts";
import { refuseRefiner } from "./_refiner.ts";
import { type ClipEncoder, xlTextEncoder } from "./_text_encoder.ts";

/**
 * Opens a model.
 *
 * @throws {UnsupportedModelError} If an option cannot be had with ONNX models, or it is a refiner.
 * @throws {TypeError} If a file is missing or malformed.
 */
export async function openOnnxModel(files: Components, options: OpenModelOptions): Promise<Model> {
  refuseRefiner(files);
  for (const role of ["text_encoder", "text_encoder_2"]) files.need(role);
  const [first, second] = (await xlTokenizers(files)).map((own) => loadTokenizer(own)) as [
    Tokenizer,
    Tokenizer,
  ];
  const kept = new KeptStates();
  const model = await onnxModel(files, options, {
    textEncoder: (load) =>
      xlTextEncoder({
        first: kept.of(onnxClip("the first text encoder", first, () => load("text_encoder")), 0),
        second: kept.of(onnxClip("the second text encoder", second, () => load("text_encoder_2")), 1),
        zeros: zerosRule(files),
        tell: (pooled, ids) => ({
          text_embeds: pooled,
          time_ids: { data: Float32Array.from(ids.flat()), shape: [ids.length, 6] },
        }),
      }),
    told: ["text_embeds", "time_ids"],
    scalingFactor: XL_SCALING_FACTOR,
    scheduler: XL_SCHEDULER,
  });
  return kept.forgetting({ latentToRgb: SDXL_LATENT_TO_RGB, ...model, ...XL_DEFAULTS });
}

/** Somebody's text encoder, which gives the states of all its layers, the embeddings' first. */
function onnxClip(part: string, tokenizer: Tokenizer, load: () => Promise<Runner>): ClipEncoder {
  const network = new LazyPart(async (owned) => {
    const runner = await load();
    return owned.use(
      await wrap(runner, () => {
        const { input_ids: main } = portsOf(runner, { part, inputs: { input_ids: 2 } });
        return new FixedRunner(runner, { part, main, scale: 1 });
      }),
    );
  });
  return {
    tokenizer,
    async encode(rows, clipSkip) {
      const runner = await network.get();
      const given = runner.outputs.filter(({ name }) => name.startsWith("hidden_states.")).length;
      const taken = given - 2 - clipSkip;
      if (taken < 1) {
        throw new UnsupportedModelError(
          `Cannot use this model as ${part}: it gives the states of ${
            Math.max(given - 1, 0)
          } layers, expected ${2 + clipSkip} or more (outputs "hidden_states.0", …), as optimum exports it.`,
        );
      }
      // Rows can be regrouped as floats only; the backend turns them into what the model takes.
      const ids: AnyTensor = { data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]!.length] };
      const outputs = await runner.run({ input_ids: ids });
      const pooled = outputs["text_embeds"];
      return {
        states: outputs[`hidden_states.${taken}`] as Tensor,
        ...pooled !== undefined && { pooled: pooled as Tensor },
      };
    },
    [Symbol.asyncDispose]: () => network.release(),
  };
}
