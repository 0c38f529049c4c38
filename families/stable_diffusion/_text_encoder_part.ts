/** A model's text encoder, with its new words and its LoRAs. */
import type { LoraTarget, ModelLoras } from "../../adapters/mod.ts";
import type { Runner } from "../../backends/backend.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { TextEncoder } from "../../core/parts.ts";
import type { Graph } from "../../graph/graph.ts";
import { clipText, readClipTextConfig } from "../../models/clip_text.ts";
import type { Weights } from "../../weights/weights.ts";
import type { TokenizerFiles } from "../../tokenizer/files.ts";
import type { GraphComponent } from "./_component.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { clipTextEncoder } from "../../parts/text_encoder.ts";
import { insertVectors, invertedTokenizer, tableRows } from "../../parts/textual_inversion.ts";
import { textEncoderWeights, TOKEN_TABLE } from "../../parts/_weight_names.ts";

/** How a network is loaded with its LoRAs. */
export interface Loading {
  /** Loads a graph with weights. */
  readonly load: (part: "textEncoder", weights: Weights) => (graph: Graph) => Promise<Runner>;
  /** Merges LoRAs into weights. */
  readonly adapt: (weights: Weights, target: LoraTarget) => Weights;
  /** LoRAs that come in through ports. */
  readonly loras: ModelLoras;
}

/** Puts it together; the network is loaded when it is first needed. */
export function textEncoderPart(
  textEncoder: GraphComponent,
  files: TokenizerFiles,
  { inversions = [] }: OpenModelOptions,
  { load, adapt, loras }: Loading,
): LazyPart<TextEncoder> {
  const { tokenizer, vectors } = invertedTokenizer(files, inversions);
  const read = readClipTextConfig(textEncoder.config);
  const config = { ...read, vocabSize: tableRows(read.vocabSize, vectors) };
  const hook = loras.hook?.("textEncoder");
  const write = (clipSkip: number) => clipText(config, { clipSkip, ...hook !== undefined && { hook } });
  return new LazyPart<TextEncoder>(async (owned) => {
    const weights = textEncoderWeights(owned.use(await textEncoder.weights()));
    const adapted = adapt(weights, "textEncoder");
    const loadGraph = load("textEncoder", insertVectors(adapted, TOKEN_TABLE, vectors));
    let ports = write(0).inputs;
    return owned.use(clipTextEncoder({
      tokenizer,
      load(clipSkip) {
        const graph = write(clipSkip);
        ports = graph.inputs;
        return loadGraph(graph);
      },
      inputs: () => loras.inputs?.(ports, "textEncoder") ?? {},
    }));
  });
}
