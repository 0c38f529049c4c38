import assert from "node:assert/strict";
import { readControlNetConfig } from "../models/controlnet.ts";
import { readAutoencoderKLConfig } from "../models/autoencoder_kl.ts";
import { readAutoencoderTinyConfig } from "../models/autoencoder_tiny.ts";
import { readT2IAdapterConfig } from "../models/t2i_adapter.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import {
  currentAttentionNames,
  networkFile,
  openWeights,
  renameWeights,
  unetNames,
  vaeNames,
} from "./mod.ts";
import { memoryWeights } from "./memory.ts";
import type { Json } from "../core/json.ts";
import type { Weights } from "./weights.ts";

const root = new URL("../tests/reference/", import.meta.url).pathname;
const json = async (path: string) => JSON.parse(await Deno.readTextFile(`${root}${path}`)) as Json;

/** Shapes by names. */
const shapesOf = (weights: Weights) =>
  new Map([...weights.names()].sort().map((name) => [name, weights.info(name)!.shape]));
/** A file under other names. */
const renamed = (weights: Weights, name: (own: string) => string) =>
  renameWeights(weights, new Map([...weights.names()].map((own) => [name(own), own])));
const original = (weights: Weights, names: ReturnType<typeof unetNames>) =>
  renameWeights(weights, new Map([...names].map(([own, { name }]) => [name, own])));
// What shapes do not tell, and these small networks have otherwise than published ones.
const pick = (config: Json, ...fields: string[]) =>
  Object.fromEntries(fields.map((field) => [field, config[field]]));

Deno.test("UNets under all names", async (t) => {
  for (const model of ["pipelines/sd15-tiny/unet", "pipelines/small4-tiny/unet", "models/unet_inpaint9"]) {
    await t.step(model, async () => {
      const config = await json(`${model}/config.json`);
      await using own = await openWeights(`${root}${model}`);
      const fields = pick(config, "attention_head_dim", "norm_num_groups", "sample_size");
      const { down_block_types: blocks, layers_per_block: layers } = config as
        & { down_block_types: string[] }
        & Json;
      const layout = {
        attention: blocks.map((type) => type.startsWith("Cross")),
        layers: layers as number,
        depth: 1,
      };
      const files = [
        own,
        ...["model.diffusion_model.", "diffusion_model.", ""].map((prefix) =>
          original(own, unetNames(layout, prefix))
        ),
      ];
      for (const file of files) {
        const found = networkFile(file, { fields });
        assert.equal(found.kind, "UNet2DConditionModel");
        assert.deepEqual(readUnetConfig(found.config), readUnetConfig(config));
        assert.deepEqual(shapesOf(found.weights), shapesOf(own));
      }
    });
  }
});

Deno.test("VAEs under all names, those of before 2023 too", async () => {
  for (const model of ["pipelines/sd15-tiny/vae", "models/vae_sd2_legacy_names"]) {
    const config = await json(`${model}/config.json`);
    await using own = await openWeights(`${root}${model}`);
    const current = currentAttentionNames(own);
    const { block_out_channels: channels, layers_per_block: layers } = config as {
      block_out_channels: number[];
    } & Json;
    const names = (prefix: string) => vaeNames({ levels: channels.length, layers: layers as number }, prefix);
    for (
      const file of [
        own,
        ...["first_stage_model.", "vae.", ""].map((prefix) => original(current, names(prefix))),
      ]
    ) {
      const found = networkFile(file, { fields: pick(config, "norm_num_groups") });
      assert.equal(found.kind, "AutoencoderKL");
      assert.deepEqual(readAutoencoderKLConfig(found.config), readAutoencoderKLConfig(config));
      assert.deepEqual(shapesOf(found.weights), shapesOf(current));
    }
  }
});

Deno.test("tiny VAEs: whole, and in two files with numbered names", async () => {
  const config = await json("models/taesd/config.json");
  await using own = await openWeights(`${root}models/taesd`);
  const whole = networkFile(own, { fields: config });
  assert.deepEqual([whole.kind, shapesOf(whole.weights)], ["AutoencoderTiny", shapesOf(own)]);
  const half = (name: string, shift: number) =>
    renameWeights(
      own,
      new Map([...own.names()].flatMap((key) => {
        const [, index, rest] = key.match(new RegExp(`^${name}\\.layers\\.(\\d+)\\.(.+)$`)) ?? [];
        return index === undefined ? [] : [[`${Number(index) + shift}.${rest}`, key] as const];
      })),
    );
  const [encoder, decoder] = [networkFile(half("encoder", 0)), networkFile(half("decoder", 1))];
  assert.deepEqual(new Map([...shapesOf(decoder.weights), ...shapesOf(encoder.weights)]), shapesOf(own));
  readAutoencoderTinyConfig(encoder.config);
});

Deno.test("ControlNets under all names", async () => {
  const config = await json("models/controlnet/config.json");
  await using own = await openWeights(`${root}models/controlnet`);
  const fields = pick(config, "attention_head_dim", "norm_num_groups");
  const path = new URL("../tests/data/field/parts/control_v11p_canny.safetensors", import.meta.url).pathname;
  await using file = await openWeights(path);
  for (const weights of [own, file, renamed(file, (name) => name.replace("control_model.", ""))]) {
    const found = networkFile(weights, { fields });
    assert.equal(found.kind, "ControlNetModel");
    assert.deepEqual(readControlNetConfig(found.config), readControlNetConfig(config));
    assert.deepEqual(shapesOf(found.weights), shapesOf(own));
  }
});

Deno.test("T2I-Adapters, full and light, under all names", async () => {
  for (const kind of ["full", "light"]) {
    const config = await json(`models/t2i_adapter_${kind}/config.json`);
    await using own = await openWeights(`${root}models/t2i_adapter_${kind}`);
    const layers = config["num_res_blocks"] as number;
    const file = renamed(own, (name) => {
      const [, level, rest] = name.match(/^adapter\.body\.(\d+)\.(.+)$/) ?? [];
      if (level === undefined) return name.slice("adapter.".length);
      if (kind === "light") return `body.${level}.${rest!.replace("resnets.", "body.")}`;
      const [, layer = "0", leaf = rest] = rest!.match(/^resnets\.(\d+)\.(.+)$/) ?? [];
      return `body.${Number(level) * layers + Number(layer)}.${leaf}`;
    });
    for (const weights of [own, file]) {
      const found = networkFile(weights);
      assert.equal(found.kind, "T2IAdapter");
      assert.deepEqual(readT2IAdapterConfig(found.config), readT2IAdapterConfig(config));
      assert.deepEqual(shapesOf(found.weights), shapesOf(own));
    }
  }
});

Deno.test("a file that is none of them, or another one than was asked for, is refused", async () => {
  await using vae = await openWeights(`${root}pipelines/sd15-tiny/vae`);
  assert.throws(() => networkFile(vae, { kinds: ["ControlNetModel"] }), {
    name: "WeightsError",
    message: /it is a AutoencoderKL, expected ControlNetModel/,
  });
  assert.throws(
    () => networkFile(memoryWeights({ x: { dtype: "F32", shape: [1], data: new Float32Array(1) } })),
    {
      message: /it has 1 tensors \("x"\) and is no network that is known/,
    },
  );
});

Deno.test("a ControlNet as changes of a model's weights is refused by its marker", async () => {
  await using own = await openWeights(`${root}models/controlnet`);
  const some = [...own.names()][0]!;
  for (const marker of ["difference", "lora_controlnet"]) {
    const marked = renameWeights(
      own,
      new Map([...[...own.names()].map((name) => [name, name] as const), [marker, some]]),
    );
    assert.throws(() => networkFile(marked), {
      name: "UnsupportedModelError",
      message: new RegExp(`its marker "${marker}" says that it is .*, expected whole weights`),
    });
  }
});
