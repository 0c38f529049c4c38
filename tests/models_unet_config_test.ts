/** What a UNet's `config.json` may say: fields that published models hardly use, and those of other families. */
import assert from "node:assert/strict";
import { UnsupportedModelError } from "../core/errors.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, cpuBackends, runGraph } from "./_networks.ts";

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: a UNet of odd fields (nested lists, no attention in the middle, gelu, centred input)`, async () => {
    const config = readUnetConfig(await readJson("../data/unet_odd/config.json"));
    assert.equal(config.sampleSize, 12);
    const io = await readFixture("../data/unet_odd/io.safetensors");
    const weights = "./data/unet_odd/diffusion_pytorch_model.safetensors";
    const { out_sample } = await runGraph(backend, unet(config), weights, {
      sample: io.float32("sample"),
      encoder_hidden_states: io.float32("encoder_hidden_states"),
      time_features: sinusoids([731, 731], { ...config, features: config.timeFeatures }),
    });
    assertClose(out_sample, io.float32("out"));
  });
}

const plain = await readJson<Record<string, unknown>>("pipelines/sd15-tiny/unet/config.json");

Deno.test("readUnetConfig refuses by name what other families have", () => {
  const others: readonly [field: string, value: unknown, family: RegExp][] = [
    [
      "addition_embed_type",
      "text_image",
      /"addition_embed_type" is "text_image", as in DeepFloyd IF and Kandinsky/,
    ],
    ["class_embed_type", "projection", /class_embed_type/],
    ["num_class_embeds", 1000, /upscalers/],
    ["attention_type", "gated", /GLIGEN/],
    ["only_cross_attention", [true, true, true, false], /only_cross_attention/],
    ["encoder_hid_dim", 4096, /DeepFloyd/],
    ["time_embedding_type", "fourier", /time_embedding_type/],
    ["mid_block_type", "UNetMidBlock2DSimpleCrossAttn", /UNetMidBlock2DSimpleCrossAttn/],
    ["down_block_types", Array(4).fill("SimpleCrossAttnDownBlock2D"), /SimpleCrossAttnDownBlock2D/],
    ["up_block_types", Array(4).fill("AttnUpBlock2D"), /AttnUpBlock2D/],
    ["cross_attention_dim", [32, 32, 64, 64], /expected one width/],
  ];
  for (const [field, value, message] of others) {
    const read = () => readUnetConfig({ ...plain, [field]: value });
    assert.throws(
      read,
      (error: Error) => error instanceof UnsupportedModelError && message.test(error.message),
      field,
    );
  }
});

Deno.test("readUnetConfig names a field of the wrong kind", () => {
  const wrong: readonly [field: string, value: unknown][] = [
    ["block_out_channels", [8, 16]],
    ["layers_per_block", "2"],
    ["transformer_layers_per_block", [[1], [1, 1], [1, 1], [1, 1]]],
    ["up_block_types", ["UpBlock2D"]],
    ["act_fn", "mish"],
  ];
  for (const [field, value] of wrong) {
    assert.throws(
      () => readUnetConfig({ ...plain, [field]: value }),
      new RegExp(`TypeError.*"${field}"`),
      field,
    );
  }
});

Deno.test("readUnetConfig takes nulls and lists as diffusers does", () => {
  const expected = readUnetConfig(plain);
  const lists = {
    only_cross_attention: [false, false, false, false],
    cross_attention_dim: [32, 32, 32, 32],
    layers_per_block: [2, 2, 2, 2],
  };
  assert.deepEqual(readUnetConfig({ ...plain, ...lists, time_embedding_dim: null }), expected);
  assert.equal(readUnetConfig({ ...plain, mid_block_type: null }).mid, undefined);
  assert.equal(readUnetConfig({ ...plain, mid_block_type: "UNetMidBlock2D" }).mid?.layers, 0);
});
