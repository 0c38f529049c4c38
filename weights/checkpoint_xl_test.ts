import assert from "node:assert/strict";
import { type Json, unet as unetGraph } from "../models/mod.ts";
import { readClipTextConfig } from "../models/clip_text.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { publishedTensors, shapesOnly } from "../tests/_published.ts";
import { unetNames } from "./checkpoint_map.ts";
import { splitCheckpoint } from "./checkpoint.ts";
import {
  isXlCheckpoint,
  splitXlCheckpoint,
  type XlCheckpoint,
  type XlCheckpointOptions,
} from "./checkpoint_xl.ts";
import { openWeights } from "./open_weights.ts";
import { openSafetensors } from "./safetensors.ts";
import type { Weights } from "./weights.ts";

const root = new URL("../tests/reference2/", import.meta.url).pathname;
const folders = {
  unet: "unet",
  vae: "vae",
  textEncoder: "text_encoder",
  textEncoder2: "text_encoder_2",
} as const;
type Part = keyof typeof folders;
const parts = Object.entries(folders) as [Part, string][];

/** What shapes cannot tell has the value of published models, which the tiny ones do not have. */
const hidden: Readonly<Record<Part, readonly string[]>> = {
  unet: ["attention_head_dim", "norm_num_groups", "sample_size"],
  vae: ["norm_num_groups", "sample_size"],
  textEncoder: ["num_attention_heads"],
  textEncoder2: ["num_attention_heads"],
};

const json = async (path: string): Promise<Json> => JSON.parse(await Deno.readTextFile(root + path));

async function openTiny(
  pipeline: string,
): Promise<{ checkpoint: XlCheckpoint; configs: Record<Part, Json> }> {
  const configs: Partial<Record<Part, Json>> = {};
  const options: Partial<Record<Part, Json>> = {};
  for (const [part, folder] of parts) {
    const config = configs[part] = await json(`pipelines/${pipeline}/${folder}/config.json`);
    options[part] = Object.fromEntries(hidden[part].map((field) => [field, config[field]]));
  }
  const file = await openSafetensors(`${root}single/${pipeline}.safetensors`);
  return {
    checkpoint: splitXlCheckpoint(file, options as XlCheckpointOptions),
    configs: configs as Record<Part, Json>,
  };
}

for (const pipeline of ["sdxl-tiny", "ssd1b-tiny", "vega-tiny"]) {
  Deno.test(`${pipeline}.safetensors is the folder it was made of`, async () => {
    const { checkpoint, configs } = await openTiny(pipeline);
    await using _ = checkpoint;
    assert.equal(checkpoint.kind, "base");
    assert.equal(checkpoint.predictionType, "epsilon");
    assert.equal(checkpoint.zeroTerminalSnr, false);
    for (const [part, folder] of parts) {
      const { config, weights } = checkpoint[part]!;
      await using wanted = await openWeights(`${root}pipelines/${pipeline}/${folder}`);
      const names = [...weights.names()].filter((name) => !name.endsWith("position_ids")); // a buffer, not used
      assert.deepEqual(names.toSorted(), [...wanted.names()].toSorted());
      for (const name of names) {
        const [{ dtype, shape }, own] = [weights.info(name)!, wanted.info(name)!];
        assert.deepEqual([dtype, shape], [own.dtype, own.shape], name);
        assert.deepEqual(await weights.read(name), await wanted.read(name), name);
      }
      if (part === "unet") assert.deepEqual(readUnetConfig(config), readUnetConfig(configs.unet));
      else if (part === "vae") {
        for (const [field, value] of Object.entries(config)) {
          assert.deepEqual(value, configs.vae[field], field);
        }
      } else {
        const [found, own] = [readClipTextConfig(config), readClipTextConfig(configs[part])];
        // without a projection neither its width nor where the text ends is of any use
        const used = part === "textEncoder" ? { endId: 0, projectionSize: 0 } : {};
        assert.deepEqual({ ...found, ...used }, { ...own, ...used });
      }
    }
  });
}

/** Fields that the published UNets have in common. */
const xl = {
  addition_embed_type: "text_time",
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  projection_class_embeddings_input_dim: 2816,
  sample_size: 128,
  up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  use_linear_projection: true,
};
const refiner = {
  ...xl,
  attention_head_dim: [6, 12, 24, 24],
  block_out_channels: [384, 768, 1536, 1536],
  cross_attention_dim: 1280,
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  projection_class_embeddings_input_dim: 2560,
  transformer_layers_per_block: 4,
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
};
const withoutMiddle = { mid_block_type: "UNetMidBlock2D" };

/** A file of published shapes: a UNet's tensors under original names, and the text encoders and VAE of `sdxl-tiny`. */
async function published(
  unet: Weights,
  { levels, layout }: { levels: boolean[]; layout: "base" | "refiner" },
) {
  const tiny = await openSafetensors(`${root}single/sdxl-tiny.safetensors`);
  const originals = unetNames({ attention: levels, layers: 2, depth: 10 });
  const place = layout === "base" ? "conditioner.embedders.1.model." : "conditioner.embedders.0.model.";
  const tensors: [string, readonly number[]][] = [];
  for (const name of tiny.names()) {
    const { shape } = tiny.info(name)!;
    if (name.startsWith("first_stage_model.")) tensors.push([name, shape]);
    if (layout === "base" && name.startsWith("conditioner.embedders.0.")) tensors.push([name, shape]);
    const [, own] = name.match(/^conditioner\.embedders\.1\.model\.(.*)/) ?? [];
    if (own !== undefined) tensors.push([place + own, own === "text_projection" ? [1280, 1280] : shape]);
  }
  for (const name of unet.names()) tensors.push([originals.get(name)!.name, unet.info(name)!.shape]);
  await tiny[Symbol.asyncDispose]();
  return shapesOnly(tensors);
}

/** A UNet's tensors, of a configuration. */
function tensorsOf(config: Json): Weights {
  return shapesOnly(unetGraph(readUnetConfig(config)).weights.map(({ key, stored }) => [key, stored]));
}

const three = { levels: [false, true, true], layout: "base" } as const;
const sizes: readonly (readonly [name: string, tensors: () => Promise<Weights> | Weights, config: Json])[] = [
  ["base", () => publishedTensors("sdxl_unet"), { ...xl, transformer_layers_per_block: [1, 2, 10] }],
  ["SSD-1B", () => publishedTensors("ssd1b_unet"), {
    ...xl,
    ...withoutMiddle,
    transformer_layers_per_block: [1, [2, 2], [4, 4]],
    reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1],
  }],
  ["Vega", () => publishedTensors("vega_unet"), {
    ...xl,
    ...withoutMiddle,
    transformer_layers_per_block: [1, 1, 2],
  }],
  [
    "inpainting",
    () => tensorsOf({ ...xl, in_channels: 9, transformer_layers_per_block: [1, 2, 10] }),
    { ...xl, in_channels: 9, transformer_layers_per_block: [1, 2, 10] },
  ],
];

for (const [name, tensors, config] of sizes) {
  Deno.test(`shapes tell the published UNet: ${name}`, async () => {
    const file = await published(await tensors(), { ...three, levels: [...three.levels] });
    const { unet, kind } = splitXlCheckpoint(file);
    assert.equal(kind, "base");
    const found = readUnetConfig(unet.config);
    const wanted = readUnetConfig(config);
    // without a transformer in the middle its depth means nothing
    const { mid, ...rest } = found;
    const { mid: wantedMid, ...wantedRest } = wanted;
    assert.deepEqual(rest, wantedRest);
    assert.equal(mid?.layers, wantedMid?.layers);
    if (wantedMid!.layers > 0) assert.deepEqual(mid, wantedMid);
  });
}

Deno.test("the refiner is told apart: one text encoder, five ids, four levels", async () => {
  const file = await published(tensorsOf(refiner), { levels: [false, true, true, false], layout: "refiner" });
  const checkpoint = splitXlCheckpoint(file);
  assert.equal(checkpoint.kind, "refiner");
  assert.equal(checkpoint.textEncoder, undefined);
  assert.deepEqual(readUnetConfig(checkpoint.unet.config), readUnetConfig(refiner));
});

Deno.test("markers say what is predicted, and how far the levels go", async () => {
  await using file = await openSafetensors(`${root}single/sdxl-tiny.safetensors`);
  await using markers = await openSafetensors(`${root}single/vpred_markers.safetensors`);
  const marked = splitXlCheckpoint({
    names: () => [...file.names(), ...markers.names()],
    info: (name) => file.info(name) ?? markers.info(name),
    read: (name) => file.read(name),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  assert.equal(marked.predictionType, "v_prediction");
  assert.equal(marked.zeroTerminalSnr, true);
});

Deno.test("what is not such a checkpoint, or not whole, is one clear error", async () => {
  await using file = await openSafetensors(`${root}single/sdxl-tiny.safetensors`);
  const changed = (kept: (name: string) => boolean, ...more: string[]) =>
    shapesOnly([
      ...[...file.names()].filter(kept).map((name) => [name, file.info(name)!.shape] as const),
      ...more.map((name) => [name, [0]] as const),
    ]);
  const without = (prefix: string) => changed((name) => !name.startsWith(prefix));
  assert.ok(isXlCheckpoint(new Set(file.names())));
  assert.ok(!isXlCheckpoint(new Set(without("conditioner.").names())));
  assert.throws(() => splitXlCheckpoint(without("conditioner.embedders.1.")), {
    name: "WeightsError",
    message: /no second text encoder, expected tensors "conditioner\.embedders\.1\.model\.\*"/,
  });
  assert.throws(() => splitXlCheckpoint(without("conditioner.embedders.0.")), /no first text encoder/);
  assert.throws(() => splitXlCheckpoint(without("first_stage_model.")), /its VAE has no tensor/);
  assert.throws(() => splitXlCheckpoint(changed(() => true, "edm_mean")), {
    name: "UnsupportedModelError",
    message: /"edm_mean" says that it was trained on EDM's noise levels/,
  });
  assert.throws(() => splitCheckpoint(file), /family Stable Diffusion XL/);
  // a base's text encoders beside a UNet that is told of five ids
  const mixed = await published(tensorsOf(refiner), { levels: [false, true, true, false], layout: "base" });
  assert.throws(
    () => splitXlCheckpoint(mixed),
    /told 2560 numbers .* gives 1280, expected room for .* 6 ids/,
  );
});
