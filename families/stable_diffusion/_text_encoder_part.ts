/** A model's text encoder, with its new words and its LoRAs. */
import { LazyPart } from "../../core/lazy_part.ts";
import type { TextEncoder } from "../../core/parts.ts";
import { clipText, readClipTextConfig } from "../../models/clip_text.ts";
import type { TokenizerFiles } from "../../tokenizer/files.ts";
import type { GraphComponent } from "../_component.ts";
import type { Loading } from "../_graph_model.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { clipTextEncoder } from "../../parts/text_encoder.ts";
import { insertVectors, invertedTokenizer, tableRows } from "../../parts/textual_inversion.ts";
import { textEncoderWeights, TOKEN_TABLE } from "../../parts/_weight_names.ts";

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
  const { ported = (graph) => graph } = loras;
  const write = (clipSkip: number) => ported(clipText(config, { clipSkip }));
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
