import assert from "node:assert/strict";
import {
  autoencoderKLDecoder,
  clipText,
  readAutoencoderKLConfig,
  readClipTextConfig,
  readUnetConfig,
  unet,
} from "../models/mod.ts";
import { graphCost } from "./cost.ts";

const free = { rows: 1, height: 64, width: 64, tokens: 77 };
const millions = (count: number) => Number((count / 1e6).toFixed(1));
const giga = (count: number) => Number((count / 1e9).toFixed(1));

Deno.test("Stable Diffusion 1.5's UNet has the parameters and multiply-adds that were measured elsewhere", () => {
  const config = readUnetConfig({
    block_out_channels: [320, 640, 1280, 1280],
    down_block_types: ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    attention_head_dim: 8,
    cross_attention_dim: 768,
  });
  const { parameters, multiplyAdds, attentionMultiplyAdds } = graphCost(unet(config), free).get("")!;
  assert.equal(millions(parameters), 859.5);
  assert.ok(Math.abs(giga(multiplyAdds) - 338.6) < 0.5, `${giga(multiplyAdds)} G`);
  assert.ok(
    Math.abs(giga(multiplyAdds + attentionMultiplyAdds) - 401.6) < 0.5,
    `${giga(attentionMultiplyAdds)} G`,
  );
});

Deno.test("so have its VAE decoder and text encoder", () => {
  const vae = readAutoencoderKLConfig({
    block_out_channels: [128, 256, 512, 512],
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
    layers_per_block: 2,
  });
  const decoder = graphCost(autoencoderKLDecoder(vae), free).get("")!;
  assert.equal(millions(decoder.parameters), 49.5);
  assert.ok(Math.abs(giga(decoder.multiplyAdds + decoder.attentionMultiplyAdds) - 1257) < 5);
  const text = { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 };
  const encoder = graphCost(clipText(readClipTextConfig(text)), free).get("")!;
  assert.ok(Math.abs(giga(encoder.multiplyAdds + encoder.attentionMultiplyAdds) - 6.65) < 0.2);
});

Deno.test("the paths add up to the total", () => {
  const text = {
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    vocab_size: 10,
  };
  const costs = graphCost(clipText(readClipTextConfig(text)), free, 3);
  const parts = [...costs].filter(([path]) => path !== "").reduce(
    (sum, [, { parameters }]) => sum + parameters,
    0,
  );
  assert.equal(parts, costs.get("")!.parameters);
});
