/** One network in one file, and one part in place of a model's own: the right values are those of the same part in a folder. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { createPipeline, memoryFolder, openModel } from "../mod.ts";
import type { CreatePipelineOptions } from "../mod.ts";
import { encodeSafetensors, openSafetensors, openWeights, renameWeights } from "../weights/mod.ts";
import { maxAbsDifference } from "./_fixtures.ts";
import { inFolder, run, small } from "./_cli.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const parts = path("./data/field/parts/");
const pipelines = path("./reference/pipelines/");
const checkpoint = await Deno.readFile(path("./data/sd1_checkpoint.safetensors"));
const vae = await Deno.readFile(`${parts}vae-ft-mse.safetensors`);
/** What shapes do not tell, and this small file has otherwise than published ones. */
const configs = {
  unet: { attention_head_dim: 4, norm_num_groups: 8, sample_size: 16 },
  vae: { norm_num_groups: 4 },
  textEncoder: { num_attention_heads: 4 },
};
const tokenizer = `${pipelines}sd15-tiny/tokenizer`;
const single = { backend: native(), tokenizer, checkpoint: configs } as const;

/** A latent, decoded by diffusers' AutoencoderKL.from_single_file. */
const expected = JSON.parse(await Deno.readTextFile(`${parts}vae_expected.json`)) as {
  latent: number[];
  shape: number[];
  decoded: number[];
};

async function decoded(model: CreatePipelineOptions["model"], options: Omit<CreatePipelineOptions, "model">) {
  const { vae } = await openModel(model, { ...single, ...options });
  await using part = vae;
  const data = Float32Array.from(expected.latent, (value) => value * 0.18215);
  return (await (await part.get()).decode({ data, shape: expected.shape })).data;
}
const close = (actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-3) => {
  const error = maxAbsDifference(Float32Array.from(actual), Float32Array.from(wanted));
  assert.ok(error < tolerance, `differs by ${error}`);
};

Deno.test("a VAE in a file of its own decodes as diffusers has it, wherever it lies", async (t) => {
  const [house, ours] = [{ "house.safetensors": checkpoint }, { "house.vae.safetensors": vae }];
  await t.step("beside the checkpoint", async () => {
    close(await decoded(memoryFolder("m", { ...house, ...ours }), {}), expected.decoded);
  });
  await t.step("in the model's folder, named by the option", async () => {
    const folder = memoryFolder("m", { ...house, "other.safetensors": vae });
    close(await decoded(folder, { vae: "other.safetensors" }), expected.decoded);
    close(await decoded(folder, { vae: "other.safetensors", variant: "house" }), expected.decoded);
  });
  await t.step("by its path, in place of a folder's own", async () => {
    const file = `${parts}vae-ft-mse.safetensors`;
    close(await decoded(`${pipelines}sd15-tiny`, { vae: file, checkpoint: configs }), expected.decoded);
    close(await decoded(memoryFolder("m", house), { vae: file }), expected.decoded);
  });
  const own = await decoded(memoryFolder("m", house), {});
  assert.ok(maxAbsDifference(Float32Array.from(own), Float32Array.from(expected.decoded)) > 1e-2); // another VAE
});

Deno.test("a checkpoint published without its VAE takes one, or says how to give it", async () => {
  const whole = await openSafetensors(checkpoint);
  const kept = [...whole.names()].filter((name) => !name.startsWith("first_stage_model."));
  const bare = await encodeSafetensors(renameWeights(whole, new Map(kept.map((name) => [name, name]))));
  await whole[Symbol.asyncDispose]();
  const files = { "bare.safetensors": bare };
  await assert.rejects(
    decoded(memoryFolder("m", files), {}),
    /it holds no vae\. Give the option "vae": a folder/,
  );
  close(await decoded(memoryFolder("m", files), { vae: `${parts}vae-ft-mse.safetensors` }), expected.decoded);
  const folder = `${pipelines}sd15-tiny/vae`;
  const beside = memoryFolder("m", {
    ...files,
    "vae/config.json": await Deno.readFile(`${folder}/config.json`),
    "vae/diffusion_pytorch_model.safetensors": await Deno.readFile(
      `${folder}/diffusion_pytorch_model.safetensors`,
    ),
  });
  close(await decoded(beside, {}), await decoded(`${pipelines}sd15-tiny`, {}), 1e-6);
});

Deno.test("UNet, text encoder and tiny VAE in place of a model's own", async (t) => {
  const model = `${pipelines}sd15-tiny`;
  // The models' own samplers differ, their schedules do not.
  const request = {
    prompt: "a red house",
    sampler: "ddim",
    steps: 2,
    seed: 5,
    width: 64,
    height: 64,
  } as const;
  const latents = async (options: Omit<CreatePipelineOptions, "model">) => {
    await using pipeline = await createPipeline({ model, ...single, ...options });
    return (await pipeline.generate(request)).latents.data as Float32Array;
  };
  const own = await latents({});
  await t.step("a UNet in one file, with diffusers' names", () =>
    inFolder(async (folder) => {
      const file = `${folder}/unet.safetensors`;
      await Deno.copyFile(`${model}/unet/diffusion_pytorch_model.safetensors`, file);
      close(await latents({ unet: file }), own, 1e-6);
      await using weights = await openWeights(file);
      const names = [...weights.names()];
      assert.ok(names.length > 0);
    }));
  await t.step("a UNet and a text encoder of a folder", async () => {
    const other = `${pipelines}small4-tiny`;
    const there = await latents({
      unet: other,
      textEncoder: `${other}/text_encoder`,
      tokenizer: `${other}/tokenizer`,
    });
    assert.ok(maxAbsDifference(there, own) > 1e-2);
    await using pipeline = await createPipeline({ model: other, backend: native() });
    close(there, (await pipeline.generate(request)).latents.data as Float32Array, 1e-5);
  });
  await t.step("a text encoder in one file", () =>
    inFolder(async (folder) => {
      await Deno.copyFile(`${model}/text_encoder/model.safetensors`, `${folder}/clip_l.safetensors`);
      close(await latents({ textEncoder: `${folder}/clip_l.safetensors` }), own, 1e-6);
    }));
  await t.step("the same behind other words, as other programs write them", () =>
    inFolder(async (folder) => {
      const texts = [
        "",
        "text_encoder.",
        "cond_stage_model.transformer.",
        "text_encoders.clip_l.transformer.",
      ];
      const flat = (name: string) => name.replace(/^text_model\./, "");
      const cases = [
        ...[...texts, "clip_l.transformer.", "transformer."].map((word) =>
          ["text_encoder", "textEncoder", (name: string) => word + name] as const
        ),
        ["text_encoder", "textEncoder", flat],
        ["text_encoder", "textEncoder", (name: string) => `cond_stage_model.transformer.${flat(name)}`],
        ...["unet.", "model.diffusion_model.", "module."].map((word) =>
          ["unet", "unet", (name: string) => word + name] as const
        ),
        ...["vae.", "first_stage_model."].map((word) =>
          ["vae", "vae", (name: string) => word + name] as const
        ),
      ] as const;
      // One of each kind; all of them where there is time.
      const few = [cases[3]!, cases[6]!, cases[8]!, cases[11]!];
      for (const [role, option, name] of Deno.env.get("LONG") === "1" ? cases : few) {
        await using weights = await openWeights(`${model}/${role}`);
        const names = new Map([...weights.names()].map((own) => [name(own), own]));
        const file = `${folder}/part.safetensors`;
        await Deno.writeFile(file, await encodeSafetensors(renameWeights(weights, names)));
        close(await latents({ [option]: file }), own, 1e-6);
      }
      await Deno.writeFile(`${folder}/whole.safetensors`, checkpoint); // whose text encoder is read
      assert.equal((await latents({ textEncoder: `${folder}/whole.safetensors` })).length, own.length);
      await assert.rejects(
        latents({ textEncoder: `${parts}vae-ft-mse.safetensors` }),
        /Cannot take a text encoder from the file: it has none, expected one under the names of transformers/,
      );
    }));
  await t.step("a tiny VAE, whole and in two files", () =>
    inFolder(async (folder) => {
      const source = path("./reference/models/taesd");
      await using weights = await openWeights(source);
      for (const [half, shift] of [["encoder", 0], ["decoder", 1]] as const) {
        const names = [...weights.names()].flatMap((name) => {
          const [, index, rest] = name.match(new RegExp(`^${half}\\.layers\\.(\\d+)\\.(.+)$`)) ?? [];
          return index === undefined ? [] : [[`${Number(index) + shift}.${rest}`, name] as const];
        });
        const bytes = await encodeSafetensors(renameWeights(weights, new Map(names)));
        await Deno.writeFile(`${folder}/taesd_${half}.safetensors`, bytes);
      }
      const config = { vae: JSON.parse(await Deno.readTextFile(`${source}/config.json`)) };
      const whole = await decoded(model, { vae: source });
      const file = `${folder}/taesd_decoder.safetensors`;
      close(await decoded(model, { vae: file, checkpoint: config }), whole, 1e-6);
      const opened = await openModel(model, { ...single, vae: file, checkpoint: config });
      await using part = opened.vae;
      const pixels = { data: new Float32Array(3 * 64 * 64), shape: [1, 3, 64, 64] };
      assert.deepEqual((await (await part.get()).encode(pixels)).shape, [1, 4, 8, 8]); // the other half was found
    }));
  await t.step("what is not there, or another thing, is one clear error", async () => {
    await assert.rejects(
      latents({ unet: "nowhere" }),
      /Cannot take the unet from "nowhere": the model .* has no such file/,
    );
    await assert.rejects(
      latents({ unet: `${parts}vae-ft-mse.safetensors` }),
      /it is a AutoencoderKL, expected UNet2D/,
    );
    const onnx = path("./data/onnx_sd15_tiny");
    await assert.rejects(
      openModel(onnx, { ...single, vae: model }),
      /it has the layout ONNX, expected one of diffusers/,
    );
  });
});

Deno.test("a ControlNet in one file is the one in a folder, under original names and those of diffusers", () =>
  inFolder(async (folder) => {
    const fixture = path("./reference/models/controlnet");
    await Deno.copyFile(
      `${parts}diffusers_names_no_config.safetensors`,
      `${folder}/diffusion_pytorch_model.safetensors`,
    );
    await Deno.copyFile(`${fixture}/config.json`, `${folder}/config.json`);
    const image = {
      width: 64,
      height: 64,
      data: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 251),
    };
    await using pipeline = await createPipeline({ model: `${pipelines}small4-tiny`, backend: native() });
    const latents = async (source: string) => {
      const run = {
        prompt: "a red house",
        steps: 2,
        seed: 5,
        width: 64,
        height: 64,
        control: [{ source, image }],
      };
      return (await pipeline.generate(run)).latents.data as Float32Array;
    };
    const wanted = await latents(folder);
    for (const file of ["control_v11p_canny", "diffusers_names_no_config"]) {
      close(await latents(`${parts}${file}.safetensors`), wanted, 1e-4);
    }
  }));

Deno.test("single files on the command line: what lies beside is found, and what errors ask for can be given", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/models`);
    for (const name of ["a", "b"]) await Deno.writeFile(`${folder}/models/${name}.safetensors`, checkpoint);
    const generate = (...args: string[]) => run(folder, ["generate", "a house", ...small.slice(2), ...args]);
    const without = await generate("--model", "models/a.safetensors");
    assert.match(
      without.err,
      /it has no tokenizer.*Put CLIP's vocab.json and merges.txt beside it.*option "tokenizer"/,
    );
    // The small network has other groups than published ones: an error about them means that the file was found and read.
    const read = /groups|channels/;
    assert.match((await generate("--model", "models/a.safetensors", "--tokenizer", tokenizer)).err, read);
    for (const file of ["vocab.json", "merges.txt"]) {
      await Deno.copyFile(`${tokenizer}/${file}`, `${folder}/models/${file}`);
    }
    assert.match((await generate("--model", "models/b.safetensors")).err, read);
    assert.match(
      (await generate("--model", "models")).err,
      /it has 2 files \(a.safetensors, b.safetensors\).*Open the file/,
    );
    assert.match(
      (await generate("--model", "models/a.safetensors", "--prediction-type", "v")).err,
      /Unknown --prediction-type v: expected one of epsilon, v_prediction, sample/,
    );
  }));

Deno.test("inspect reads what generate takes", async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["mini", /unet_ufogen +UNet2DConditionModel/],
    [`${pipelines}sd15-tiny`, /text_encoder +CLIPTextModel/],
    [path("./data/sd1_checkpoint.safetensors"), /text_encoder +CLIPTextModel[^]*vae +AutoencoderKL/],
    [path("./data/onnx_sd15_tiny"), /unet +ONNX model/],
    [path("./reference/lora/kohya.safetensors"), /kohya +LoRA for 195 modules/],
    [path("./data/adapters/dora"), /DoRA, LoRA for 3 modules/],
    [path("./data/inversion/style.safetensors"), /embedding of 3 tokens, 32 wide/],
    [`${parts}control_v11p_canny.safetensors`, /ControlNetModel/],
    [`${parts}vae-ft-mse.safetensors`, /AutoencoderKL/],
    [
      path("./reference_lowbit/gguf/comfy-sd1-tiny-Q4_K_M.gguf"),
      /UNet2DConditionModel +F16, F32, Q4_K, Q6_K .* bits each/,
    ],
    [
      path("./reference_lowbit/gguf/sdcpp-sd1-tiny-q8_0.gguf"),
      /text_encoder +CLIPTextModel +F16, Q8_0[^]*vae +AutoencoderKL/,
    ],
    [
      path("./reference_lowbit/fp8/unet_scaled_old.safetensors"),
      /UNet2DConditionModel +F16, F8_E4M3 scaled /,
    ],
    [path("./data/field/pictures/hires.png"), /AUTOMATIC1111's web UI[^]*second pass/],
    [path("./data/field/pictures/picture.webp"), /prompt +a red house/],
  ];
  for (const [what, expected] of cases) {
    await t.step(what.replace(/^.*\/tests\//, ""), () =>
      inFolder(async (folder) => {
        const { code, out, err } = await run(folder, ["inspect", what]);
        assert.equal(code, 0, err);
        assert.match(out, expected);
        const { out: json } = await run(folder, ["inspect", what, "--json"]);
        assert.equal(typeof JSON.parse(json), "object");
      }));
  }
});
