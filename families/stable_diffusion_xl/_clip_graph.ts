/** A CLIP text encoder of ours as one of the two of Stable Diffusion XL. */
import type { Runner } from "../../backends/backend.ts";
import type { AnyTensor } from "../../backends/backend.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Tokenizer } from "../../core/tokenizer.ts";
import type { Graph } from "../../graph/graph.ts";
import { clipText, type ClipTextConfig, endPositions } from "../../models/clip_text.ts";
import type { ClipEncoder } from "./_text_encoder.ts";

/** What it is made of. */
export interface GraphClipOptions {
  readonly config: ClipTextConfig;
  readonly tokenizer: Tokenizer;
  /** Whether it gives each text as one vector too. */
  readonly projection: boolean;
  /** Loads a graph with its weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
  /** Adds ports for LoRAs, where there are. */
  readonly ported?: ((graph: Graph) => Graph) | undefined;
  /** Values of the inputs of LoRAs among these. */
  readonly loras: (inputs: Graph["inputs"]) => Readonly<Record<string, AnyTensor>>;
}

/** Writes such a network, without `clipSkip` more layers than the last one. */
export function xlClipText(
  config: ClipTextConfig,
  { clipSkip = 0, projection }: { clipSkip?: number; projection: boolean },
): Graph {
  const most = config.layers - 2;
  if (!Number.isInteger(clipSkip) || clipSkip < 0 || clipSkip > most) {
    throw new RangeError(
      `Cannot skip ${clipSkip} more of the text encoder's ${config.layers} layers than the last: expected 0 to ${most}.`,
    );
  }
  const graph = clipText(config, { clipSkip: 1 + clipSkip, finalNorm: false, projection });
  return projection ? { ...graph, name: "text_encoder_2" } : graph;
}

/** Puts it together; a network that skips other layers takes the place of the one that is loaded. */
export function graphClip(options: GraphClipOptions): ClipEncoder {
  const { config, tokenizer, projection, load, ported = (graph) => graph, loras } = options;
  let skipped = 0;
  const network = new LazyPart(async (owned) => {
    const graph = ported(xlClipText(config, { clipSkip: skipped, projection }));
    return { runner: owned.use(await load(graph)), graph };
  });
  return {
    tokenizer,
    async encode(rows, clipSkip) {
      if (clipSkip !== skipped) {
        await network.release();
        skipped = clipSkip;
      }
      const { runner, graph } = await network.get();
      const tokens = rows[0]!.length;
      const ids = { data: BigInt64Array.from(rows.flat(), BigInt), shape: [rows.length, tokens] };
      const positions = BigInt64Array.from({ length: tokens }, (_, i) => BigInt(i));
      const { last_hidden_state, text_embeds } = await runner.run({
        input_ids: ids,
        position_ids: { data: positions, shape: [tokens] },
        // Words of a user's own have higher ids than the end.
        ...projection && { end_positions: endPositions(ids, { ...config, endId: tokenizer.endId }) },
        ...loras(graph.inputs),
      });
      return {
        states: last_hidden_state as Tensor,
        ...text_embeds !== undefined && { pooled: text_embeds as Tensor },
      };
    },
    [Symbol.asyncDispose]: () => network.release(),
  };
}
