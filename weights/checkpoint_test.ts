import assert from "node:assert/strict";
import { counting, fixtures, reference } from "../tests/weights_fixtures.ts";
import { castWeights } from "./cast.ts";
import { type Checkpoint, openCheckpoint, splitCheckpoint } from "./checkpoint.ts";
import { type CheckpointWeights, inferCheckpointConfig, isCheckpoint } from "./checkpoint_config.ts";
import { unetNames } from "./checkpoint_map.ts";
import { readFloat32 } from "./read_float.ts";
import { memoryWeights } from "./memory.ts";
import { openWeights } from "./open_weights.ts";
import { renameWeights } from "./rename.ts";
import { openSafetensors } from "./safetensors.ts";
import type { Weights } from "./weights.ts";

// tests/make_checkpoint_fixture.py wrote the checkpoints, from the pipelines, with names that PyTorch made.
const first = `${fixtures}/sd1_checkpoint.safetensors`;
const second = `${fixtures}/sd2_checkpoint.safetensors`;

const folders = { unet: "unet", vae: "vae", textEncoder: "text_encoder" } as const;

/** What shapes cannot tell has the value of published models, which the tiny ones do not have. */
const hidden: Readonly<Record<string, readonly string[]>> = {
  unet: ["attention_head_dim", "norm_num_groups", "sample_size"],
  vae: ["norm_num_groups", "sample_size"],
  textEncoder: ["num_attention_heads"],
};

async function assertSame(checkpoint: Checkpoint, pipeline: string, prepare: (weights: Weights) => Weights) {
  for (const [part, folder] of Object.entries(folders) as [keyof typeof folders, string][]) {
    const path = `${reference}/pipelines/${pipeline}/${folder}`;
    const { config, weights } = checkpoint[part];
    await using opened = await openWeights(path);
    const wanted = prepare(opened);
    const names = [...weights.names()].filter((name) => name !== "text_projection.weight"); // not used
    assert.deepEqual(names.toSorted(), [...wanted.names()].toSorted());
    for (const name of names) {
      const { file: _, ...info } = wanted.info(name)!;
      const { file, ...found } = weights.info(name)!;
      assert.deepEqual(found, info, name);
      assert.ok(file, `${name} has a place on disk`);
      assert.deepEqual(await weights.read(name), await wanted.read(name), name);
    }
    const json = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
    for (const [field, value] of Object.entries(config)) {
      if (field in json && !hidden[part]!.includes(field)) {
        assert.deepEqual(value, json[field], `${part}.${field}`);
      }
    }
  }
}

Deno.test("a 1.x checkpoint is the pipeline it was made of", async () => {
  await using checkpoint = await openCheckpoint(first);
  await assertSame(checkpoint, "sd15-tiny", (weights) => castWeights(weights, "F16"));
  assert.equal(checkpoint.predictionType, "epsilon");
  assert.equal(checkpoint.unet.config.attention_head_dim, 8);
});

Deno.test("a 2.x checkpoint is the pipeline it was made of", async () => {
  await using checkpoint = await openCheckpoint(second);
  await assertSame(checkpoint, "sd2-tiny", (weights) => weights);
  assert.equal(checkpoint.predictionType, "v_prediction");
  assert.equal(checkpoint.unet.config.sample_size, 96);
  assert.equal(checkpoint.textEncoder.config.hidden_act, "gelu");
});

Deno.test("a 2.x text projection is transposed", async () => {
  await using checkpoint = await openCheckpoint(second);
  const { weights } = checkpoint.textEncoder;
  const name = "text_projection.weight";
  assert.deepEqual(weights.info(name), { dtype: "F32", shape: [25, 24], byteLength: 2400 });
  const values = await readFloat32(weights, name);
  values.forEach((value, i) => assert.equal(value, Math.fround((25 * (i % 24) + Math.floor(i / 24)) / 1000)));
});

Deno.test("places on disk of split tensors hold their bytes", async () => {
  await using checkpoint = await openCheckpoint(second);
  const bytes = await Deno.readFile(second);
  for (const { weights } of [checkpoint.vae, checkpoint.textEncoder]) {
    for (const name of weights.names()) {
      const { file } = weights.info(name)!;
      if (file) {
        assert.deepEqual(await weights.read(name), bytes.slice(file.offset, file.offset + file.length));
      }
    }
  }
});

Deno.test("what shapes cannot tell may be given", async () => {
  await using checkpoint = await openCheckpoint(first, {
    unet: { attention_head_dim: 4, norm_num_groups: 8 },
    vae: { norm_num_groups: 4 },
    textEncoder: { num_attention_heads: 4 },
  });
  const { unet, vae, textEncoder } = checkpoint;
  assert.equal(unet.config.attention_head_dim, 4);
  assert.equal(unet.config.norm_num_groups, 8);
  assert.equal(unet.config.cross_attention_dim, 32);
  assert.equal(vae.config.norm_num_groups, 4);
  assert.equal(textEncoder.config.num_attention_heads, 4);
});

Deno.test("disposing a network keeps the file open; disposing the checkpoint closes it", async () => {
  const checkpoint = await openCheckpoint(first);
  await checkpoint.vae.weights[Symbol.asyncDispose]();
  await checkpoint.unet.weights.read("conv_in.weight");
  await checkpoint[Symbol.asyncDispose]();
  await assert.rejects(checkpoint.unet.weights.read("conv_in.weight"));
});

Deno.test("a text encoder without the text_model level is read too", async () => {
  await using file = await openSafetensors(first);
  const shorter = (name: string) => name.replace("transformer.text_model.", "transformer.");
  const merged = renameWeights(file, new Map([...file.names()].map((name) => [shorter(name), name])));
  const { textEncoder } = splitCheckpoint(merged);
  assert.equal([...textEncoder.weights.names()].length, 53);
  assert.equal(textEncoder.config.num_hidden_layers, 3);
});

Deno.test("Stable Diffusion's real names: the first and last of each kind", () => {
  const names = unetNames({ attention: [true, true, true, false], layers: 2, depth: 1 });
  const original = (name: string) => names.get(name)!.name.replace("model.diffusion_model.", "");
  assert.equal(
    original("down_blocks.1.resnets.0.conv_shortcut.bias"),
    "input_blocks.4.0.skip_connection.bias",
  );
  assert.equal(original("down_blocks.2.downsamplers.0.conv.weight"), "input_blocks.9.0.op.weight");
  assert.equal(original("down_blocks.3.resnets.1.norm1.weight"), "input_blocks.11.0.in_layers.0.weight");
  assert.equal(original("mid_block.resnets.1.conv2.bias"), "middle_block.2.out_layers.3.bias");
  assert.equal(original("up_blocks.0.upsamplers.0.conv.weight"), "output_blocks.2.1.conv.weight");
  assert.equal(original("up_blocks.1.upsamplers.0.conv.weight"), "output_blocks.5.2.conv.weight");
  assert.equal(
    original("up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj.weight"),
    "output_blocks.11.1.transformer_blocks.0.ff.net.0.proj.weight",
  );
});

Deno.test("the prediction type is what metadata or markers say", async () => {
  await using one = await openSafetensors(first);
  await using two = await openSafetensors(second);
  const configured = (weights: Weights, metadata: Record<string, string>, extra: string[] = []) => {
    const names = new Set(extra);
    const info = (name: string) =>
      names.has(name) ? { dtype: "F32", shape: [0], byteLength: 0 } as const : weights.info(name);
    const marked: CheckpointWeights = { ...weights, info, metadata };
    return inferCheckpointConfig(marked);
  };
  const inferred = (...args: Parameters<typeof configured>) => configured(...args).predictionType;
  assert.equal(inferred(two, {}), undefined);
  assert.equal(inferred(two, { "modelspec.prediction_type": "epsilon" }), "epsilon");
  assert.equal(inferred(two, { "modelspec.prediction_type": "v_prediction" }), "v_prediction");
  assert.equal(inferred(two, { "modelspec.architecture": "stable-diffusion-v2-768-v" }), "v_prediction");
  assert.equal(inferred(two, { "modelspec.architecture": "stable-diffusion-v2-512" }), "epsilon");
  assert.equal(inferred(one, { "modelspec.architecture": "stable-diffusion-v1" }), "epsilon");
  assert.equal(inferred(one, { ss_v_parameterization: "True" }), "v_prediction");
  assert.equal(inferred(one, {}, ["v_pred"]), "v_prediction");
  assert.equal(configured(one, {}).zeroTerminalSnr, false);
  assert.equal(configured(one, {}, ["v_pred", "ztsnr"]).zeroTerminalSnr, true);
  assert.equal(configured(one, { ss_zero_terminal_snr: "True" }).zeroTerminalSnr, true);
  assert.equal(configured(one, {}).unet.sample_size, 64);
  assert.equal(configured(one, { "modelspec.resolution": "768x768" }).unet.sample_size, 96);
});

Deno.test("what is not such a checkpoint is refused by name", async () => {
  const holding = (...names: string[]) =>
    memoryWeights(Object.fromEntries(names.map((name) => [name, counting(1)])));
  const input = "model.diffusion_model.input_blocks.0.0.weight";
  assert.throws(() => splitCheckpoint(holding(input, "conditioner.embedders.0.x")), {
    name: "UnsupportedModelError",
    message: /family Stable Diffusion XL, expected Stable Diffusion 1.x or 2.x/,
  });
  assert.throws(
    () => splitCheckpoint(holding("model.diffusion_model.joint_blocks.0.x")),
    /Stable Diffusion 3/,
  );
  assert.throws(() => splitCheckpoint(holding("double_blocks.0.x")), /Flux/);
  for (const marker of ["edm_mean", "edm_vpred.sigma_max"]) {
    assert.throws(() => splitCheckpoint(holding(input, marker)), {
      name: "UnsupportedModelError",
      message: new RegExp(`its marker "${marker}" says that it was trained with EDM`),
    });
  }
  assert.throws(() => splitCheckpoint(holding("lora_unet_x")), {
    name: "WeightsError",
    message: /it has no UNet, expected tensors "model.diffusion_model.\*" \(found "lora_unet_x" and others\)/,
  });
  assert.throws(() => splitCheckpoint(holding(input)), /its UNet has no tensor "model\.diffusion_model\./);
  await using file = await openSafetensors(first);
  const without = (prefix: string) =>
    renameWeights(
      file,
      new Map([...file.names()].filter((name) => !name.startsWith(prefix)).map((name) => [name, name])),
    );
  assert.throws(
    () => splitCheckpoint(without("first_stage_model.")),
    /its VAE has no tensor "first_stage_model/,
  );
  assert.throws(
    () => splitCheckpoint(without("cond_stage_model.")),
    /it has no text encoder, expected tensors "cond_stage_model/,
  );
  assert.ok(isCheckpoint(file));
  assert.ok(!isCheckpoint(holding("conv_in.weight")));
  await assert.rejects(openCheckpoint("v1-5-pruned.ckpt"), /Get "v1-5-pruned.safetensors" in its place/);
  await assert.rejects(openCheckpoint(`${reference}/lora/kohya.safetensors`), /it has no UNet/);
});
