/** Which layout a folder has, and what is said when it has none. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import { Pipeline } from "../core/pipeline.ts";
import { localFolder, memoryFolder, type ModelFolder } from "../weights/model_folder.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { openModelFolder } from "../presets/open_model.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { maxAbsDifference } from "./_fixtures.ts";
import { testPath } from "./_networks.ts";

const backend = native();
const reference = (pipeline: string) => localFolder(testPath(`./reference/pipelines/${pipeline}`));

const folder = await reference("sd15-tiny");
const names = [...folder.files].filter((file) => /\.\w+$/.test(file)); // the rest are folders

/** A folder of empty files, or of the given texts. */
function folderOf(files: Readonly<Record<string, unknown>>): ModelFolder {
  const bytes = Object.entries(files).map((
    [file, json],
  ) => [file, new TextEncoder().encode(JSON.stringify(json))]);
  return memoryFolder("model", Object.fromEntries(bytes));
}

Deno.test("models of other families are refused by name", async () => {
  const others: readonly [files: Record<string, unknown>, message: RegExp][] = [
    [{ "model_index.json": { _class_name: "FluxPipeline" }, "transformer/config.json": {} }, /FluxPipeline/],
    [{ "transformer/config.json": {} }, /"transformer\/", as Stable Diffusion 3, Flux/],
    [
      { "unet/config.json": { _class_name: "UNetSpatioTemporalConditionModel" } },
      /UNetSpatioTemporalConditionModel/,
    ],
  ];
  for (const [files, message] of others) {
    const opening = openModelFolder(folderOf(files), { backend });
    await assert.rejects(
      opening,
      (error: Error) => error instanceof UnsupportedModelError && message.test(error.message),
    );
  }
});

Deno.test("networks that do not belong together are refused", async () => {
  const folder = await reference("sd15-tiny");
  const changes: readonly [field: string, value: number, message: RegExp][] = [
    ["in_channels", 8, /takes 8 channels, expected 4 .* or 9 .*InstructPix2Pix/],
    ["out_channels", 8, /gives 8 channels, expected 4/],
    ["cross_attention_dim", 768, /states of width 768, but its text encoder gives 32/],
  ];
  for (const [field, value, message] of changes) {
    const read = async (file: string) => {
      const bytes = await folder.read(file);
      if (file !== "unet/config.json") return bytes;
      return new TextEncoder().encode(
        JSON.stringify({ ...JSON.parse(new TextDecoder().decode(bytes)), [field]: value }),
      );
    };
    await assert.rejects(openModelFolder({ ...folder, read }, { backend }), message);
  }
});

Deno.test("a folder that holds no model is told what was looked for", async () => {
  const expected =
    /2 files, but none of unet\/config\.json.*unet\/model\.onnx.*Unet\.mlmodelc.*\.safetensors/;
  await assert.rejects(openModelFolder(folderOf({ "README.md": "", "a.json": {} }), { backend }), expected);
  await assert.rejects(localFolder(testPath("./no/such/folder")), /TypeError.*there is no such folder/);
});

Deno.test("weights in memory are found by variant, as on disk", async () => {
  const folder = await reference("sd15-tiny");
  const files: Record<string, Uint8Array> = {};
  for (const file of folder.files) if (/\.\w+$/.test(file)) files[file] = await folder.read(file);
  files["unet/diffusion_pytorch_model.fp16.safetensors"] = files["unet/diffusion_pytorch_model.safetensors"]!;
  delete files["unet/diffusion_pytorch_model.safetensors"];
  await using weights = await memoryFolder("sd15", files).weights("unet", { variant: "fp16" });
  assert.ok(weights.info("conv_in.weight"));
  await assert.rejects(memoryFolder("sd15", files).weights("unet", { variant: "bf16" }), /variant "bf16"/);
});

Deno.test("a folder with a tiny VAE beside the usual one uses the one that is asked for", async () => {
  const [base, tiny] = [
    await reference("sd15-tiny"),
    await localFolder(testPath("./reference/models/taesd")),
  ];
  const files: Record<string, Uint8Array> = {};
  for (const file of base.files) if (/\.\w+$/.test(file)) files[file] = await base.read(file);
  for (const file of ["config.json", "diffusion_pytorch_model.safetensors"]) {
    files[`taesd/${file}`] = await tiny.read(file);
  }
  const decode = async (present: Record<string, Uint8Array>, options: Partial<OpenModelOptions>) => {
    const model = await openModelFolder(memoryFolder("two", present), { backend, ...options });
    await using part = model.vae;
    return await (await part.get()).decode({ data: new Float32Array(256).fill(0.3), shape: [1, 4, 8, 8] });
  };
  const usual = await decode(files, {});
  const small = await decode(files, { vae: "taesd" });
  const only = Object.fromEntries(Object.entries(files).filter(([file]) => !file.startsWith("vae/")));
  assert.ok(maxAbsDifference(usual.data, small.data) > 0.01);
  assert.equal(maxAbsDifference((await decode(only, {})).data, small.data), 0);
});

Deno.test("a variant that only some folders have is taken where it is; one that none has is an error", async () => {
  const renamed = new Map(
    names.map((file) => [file.replace(/^(unet\/.*)(\.safetensors)$/, "$1.fp16$2"), file]),
  );
  const files: Record<string, Uint8Array> = {};
  for (const [name, file] of renamed) files[name] = await folder.read(file);
  const open = async (variant: string) => {
    const model = await openModelFolder(memoryFolder("v", files), { backend: native(), variant });
    await using unet = model.unets.get("base")!.part;
    await using text = model.textEncoder;
    await Promise.all([unet.get(), text.get()]);
  };
  await open("fp16");
  await assert.rejects(open("bf16"), /expected variant "bf16"/);
});

Deno.test("a sampler of a kind that is not known is an error of the run that names none", async (t) => {
  const configs: Readonly<Record<string, object>> = {
    EDMDPMSolverMultistepScheduler: { sigma_data: 0.5, sigma_max: 80 },
    DPMSolverSDEScheduler: { use_karras_sigmas: true },
    DPMSolverMultistepScheduler: { final_sigmas_type: 0 },
  };
  for (const [name, fields] of Object.entries(configs)) {
    await t.step(name, async () => {
      const files: Record<string, Uint8Array> = {};
      for (const file of names) files[file] = await folder.read(file);
      const scheduler = {
        _class_name: name,
        beta_start: 0.00085,
        beta_end: 0.012,
        beta_schedule: "scaled_linear",
        ...fields,
      };
      files["scheduler/scheduler_config.json"] = new TextEncoder().encode(JSON.stringify(scheduler));
      await using pipeline = await createPipeline({ model: memoryFolder("v", files), backend: native() });
      const run = { prompt: "a house", steps: 2, seed: 1, width: 64, height: 64 };
      await pipeline.generate({ ...run, sampler: "dpmpp_2m" });
      await assert.rejects(
        pipeline.generate(run),
        /the model's own sampler\. .*Name a sampler to use the model/,
      );
    });
  }
});

Deno.test("a model without a scheduler is sampled as Stable Diffusion", async () => {
  const folder = await reference("sd15-tiny");
  const files = new Set([...folder.files].filter((file) => !file.startsWith("scheduler/")));
  const model = await openModelFolder({ ...folder, files }, { backend });
  assert.equal(model.sampler.name, "ddim");
  assert.equal(model.schedule.plan("stride", 1).transitions[0]!.from.timestep, 1);
  await using pipeline = new Pipeline(model);
  await using reference15 = new Pipeline(await openModelFolder(folder, { backend }));
  const request = { prompt: "a house", seed: 1, steps: 2, width: 64, height: 64 };
  assert.deepEqual((await pipeline.generate(request)).latents, (await reference15.generate(request)).latents);
});
