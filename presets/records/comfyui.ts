/**
 * Pictures of ComfyUI: the graph of nodes that made them, under `prompt`. The plain graph for a picture from a text is
 * read; any further node makes a picture that cannot be told from its settings, and is refused by its name.
 *
 * @module
 */
import type { Json } from "../../core/json.ts";
import { claimedSampler, COMFYUI_SAMPLERS } from "./_samplers.ts";
import { modelRemarks } from "./a1111.ts";
import { commonPrompt, parseObject, seedOf } from "./_json_texts.ts";
import { optional, Settings } from "./_settings.ts";
import { type Dialect, type PictureRequest, type Remark, unreadable } from "./request.ts";

/** Nodes that are read. The last four change nothing. */
const understood: ReadonlySet<string> = new Set([
  "KSampler",
  "CLIPTextEncode",
  "EmptyLatentImage",
  "CheckpointLoaderSimple",
  "CLIPSetLastLayer",
  "VAEDecode",
  "SaveImage",
  "PreviewImage",
  "Note",
]);

/** Texts `prompt` and `workflow`, both JSON. */
export const comfyui: Dialect = {
  name: "ComfyUI",
  recognises: ({ prompt, workflow }) =>
    /"class_type"/.test(prompt ?? "") || /"last_node_id"/.test(workflow ?? ""),
  read({ prompt }) {
    if (prompt === undefined) {
      throw unreadable("it has ComfyUI's workflow alone", "the graph that was run, too");
    }
    return readGraph(new Graph(parseObject(prompt, "ComfyUI's graph")));
  },
};

function readGraph(graph: Graph): PictureRequest {
  graph.check();
  const sampler = new Settings(graph.only("KSampler"));
  const encode = (input: string) => {
    const node = graph.follow(sampler.take(input), "CLIPTextEncode");
    const text = node["text"];
    if (typeof text === "string") return { text, layers: clipSkip(graph, node["clip"]) };
    throw unreadable(`the text of its ${input} prompt comes from another node`, "a text");
  };
  const [positive, negative] = [encode("positive"), encode("negative")];
  const size = new Settings(graph.follow(sampler.take("latent_image"), "EmptyLatentImage"));
  const { ckpt_name } = graph.follow(sampler.take("model"), "CheckpointLoaderSimple");
  const model = typeof ckpt_name === "string" ? ckpt_name : undefined;
  const steps = sampler.number("steps") ?? 20;
  const denoise = sampler.number("denoise") ?? 1;
  const claimed = claimedSampler({
    table: COMFYUI_SAMPLERS,
    name: sampler.text("sampler_name") ?? "euler",
    steps,
    ...optional("spacing", sampler.text("scheduler")),
  });
  const texts = commonPrompt(
    { prompt: positive.text, negativePrompt: negative.text },
    /\bembedding:[^\s,()]+/g,
  );
  const seed = seedOf(sampler.text("seed"));
  const guidance = sampler.number("cfg");
  const [width, height] = [size.number("width"), size.number("height")];
  const count = size.number("batch_size") ?? 1;
  const left = [...sampler.rest(), ...size.rest()];
  const remarks: Remark[] = [
    ...modelRemarks(model),
    ...claimed.remarks,
    ...texts.remarks,
    ...denoise === 1
      ? []
      : [{ text: `its denoise of ${denoise} is not used: the run starts from noise alone` }],
    ...count === 1 ? [] : [{
      text: `it was one of ${count} of a batch, which share a seed: the first is made, whichever it was`,
    }],
    ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ...positive.layers === negative.layers ? [] : [{ text: "its negative prompt's clip skip is not used" }],
  ];
  return {
    writer: comfyui.name,
    options: {
      ...texts.options,
      ...claimed.options,
      steps,
      ...optional("guidance", guidance),
      ...optional("seed", seed),
      ...optional("width", width),
      ...optional("height", height),
      ...positive.layers > 0 && { clipSkip: positive.layers },
      rng: "cpu",
    },
    remarks,
    ...optional("model", model),
  };
}

/** −1 is its last layer. */
function clipSkip(graph: Graph, link: unknown): number {
  const { node, type } = graph.at(link);
  if (type !== "CLIPSetLastLayer") return 0;
  const layer = new Settings(node).number("stop_at_clip_layer") ?? -1;
  return Math.max(-layer - 1, 0);
}

/** Nodes by their names, each with its class and its inputs; a link is a node's name and the index of an output. */
class Graph {
  readonly #nodes = new Map<string, { readonly type: string; readonly node: Json }>();

  constructor(nodes: Json) {
    for (const [name, value] of Object.entries(nodes)) {
      if (typeof value !== "object" || value === null) continue;
      const { class_type: type, inputs } = value as Json;
      if (typeof type !== "string") continue;
      const node = typeof inputs === "object" && inputs !== null ? inputs as Json : {};
      this.#nodes.set(name, { type, node });
    }
  }

  /** Refuses nodes that are not understood. */
  check(): void {
    const others = [...this.#nodes.values()].map(({ type }) => type).filter((type) => !understood.has(type));
    if (others.length === 0) return;
    throw unreadable(
      `its graph has the nodes ${JSON.stringify([...new Set(others)].join(", "))}`,
      "ComfyUI's plain graph of a picture from a text; give its settings as options",
    );
  }

  /** The inputs of the only node of a class. */
  only(type: string): Json {
    const found = [...this.#nodes.values()].filter((node) => node.type === type);
    if (found.length === 1) return found[0]!.node;
    throw unreadable(`its graph has ${found.length} nodes ${type}`, "one");
  }

  /** The node behind a link. */
  at(link: unknown): { readonly type: string; readonly node: Json } {
    const name = Array.isArray(link) ? String(link[0]) : "";
    const found = this.#nodes.get(name);
    if (found !== undefined) return found;
    throw unreadable(`its graph links to ${JSON.stringify(name)}, which is not there`, "a node");
  }

  /** The inputs of the node behind a link, which must be of a class. */
  follow(link: unknown, type: string): Json {
    const found = this.at(link);
    if (found.type === type) return found.node;
    throw unreadable(`its graph has the node ${JSON.stringify(found.type)} in a place`, `"${type}" there`);
  }
}
