/** Networks of published sizes: every tensor's name and shape, and the number of parameters, without any weights. */
import assert from "node:assert/strict";
import { graphCost } from "../graph/cost.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderTinyDecoder,
  autoencoderTinyEncoder,
  readAutoencoderTinyConfig,
} from "../models/autoencoder_tiny.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { textEncoderWeights } from "../parts/_weight_names.ts";
import { publishedTensors } from "./_published.ts";
import { refiner, ssd1b, vega, xl } from "./_xl_configs.ts";

const clipL = { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, num_hidden_layers: 12 };
const clipG = {
  hidden_act: "gelu",
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  projection_dim: 1280,
};
const tiny = readAutoencoderTinyConfig({});

const networks: readonly (readonly [keys: string, millions: string, graphs: readonly Graph[]])[] = [
  ["sdxl_unet", "2567.46", [unet(readUnetConfig(xl))]],
  ["ssd1b_unet", "1331.33", [unet(readUnetConfig(ssd1b))]],
  ["vega_unet", "745.23", [unet(readUnetConfig(vega))]],
  ["clip_l", "123.06", [clipText(readClipTextConfig(clipL))]],
  ["clip_g", "694.66", [clipText(readClipTextConfig(clipG), { projection: true })]],
  ["taesd", "2.45", [autoencoderTinyEncoder(tiny), autoencoderTinyDecoder(tiny)]],
];

for (const [keys, millions, graphs] of networks) {
  Deno.test(`${keys} has the published tensors: ${millions} M parameters`, async () => {
    const stored = await publishedTensors(keys); // text encoders come with and without the prefix "text_model."
    const published = keys.startsWith("clip") ? textEncoderWeights(stored) : stored;
    const wanted = [...published.names()].map((name) =>
      `${name} [${published.info(name)!.shape.join(", ")}]`
    );
    const found = graphs.flatMap(({ weights }) =>
      weights.map(({ key, stored }) => `${key} [${stored.join(", ")}]`)
    );
    assert.deepEqual(found.toSorted(), wanted.toSorted());
    const free = { rows: 1, height: 64, width: 64, tokens: 77 };
    const costs = graphs.map((graph) => graphCost(graph, free).get("")!.parameters);
    assert.equal((costs.reduce((sum, cost) => sum + cost) / 1e6).toFixed(2), millions);
  });
}

Deno.test("the refiner's UNet has 2259.5 M parameters", () => {
  const { parameters } = graphCost(unet(readUnetConfig(refiner)), {
    rows: 1,
    height: 64,
    width: 64,
    tokens: 77,
  })
    .get("")!;
  assert.equal((parameters / 1e6).toFixed(1), "2259.5");
});

Deno.test("multiply-adds of a call at 64 × 64 latent pixels", () => {
  const giga = (config: Record<string, unknown>) => {
    const cost = graphCost(unet(readUnetConfig(config)), { rows: 1, height: 64, width: 64, tokens: 77 }).get(
      "",
    )!;
    return Math.round((cost.multiplyAdds + cost.attentionMultiplyAdds) / 1e9);
  };
  // counted by PyTorch's flop counter on networks without weights
  assert.deepEqual([giga(xl), giga(ssd1b), giga(vega)], [794, 490, 331]);
});
