/**
 * Folders in Apple's layouts: which file is which part, and what is refused.
 */
import assert from "node:assert/strict";
import { BASE } from "../../core/model.ts";
import { isAppleFolder } from "../../layouts/apple.ts";
import { openModelFolder } from "../../presets/open_model.ts";
import { localFolder, memoryFolder } from "../../weights/model_folder.ts";
import {
  assertClose,
  basic,
  type FolderModels,
  latents,
  modelTest,
  unetOf,
  withModel,
} from "./_apple_models.ts";
import { hiddenOf, tokenizerFiles } from "./_reference.ts";
import { coremlTest, specOf, standInTest } from "./_rig.ts";
import { encodeStates } from "../_states.ts";

const packages = {
  "Stable_Diffusion_version_owner_model_text_encoder.mlpackage": "TextEncoder",
  "Stable_Diffusion_version_owner_model_control-unet.mlpackage": "ControlledUnet",
  "Stable_Diffusion_version_owner_model_vae_decoder.mlpackage": "VAEDecoder",
  "ControlNet_Edges.mlpackage": "ControlNet",
} as const;

modelTest("layout: packages are found by the converter's names", packages, async (model) => {
  await using predictor = await (await unetOf(model)).prepare({ encoder_hidden_states: hiddenOf("a") });
  assert.deepEqual((await predictor.predict(latents(1), 1)).shape, [1, 4, 8, 8]);
  assert.throws(() => model.openControl!("Depth"), {
    name: "TypeError",
    message: /"Depth".*expected one of Edges/,
  });
});

coremlTest("layout: the folder's own tokenizer is used", async (rig) => {
  await using folder = await rig.folder(basic);
  for (const [name, text] of Object.entries(tokenizerFiles)) {
    await Deno.writeTextFile(`${folder.path}/${name}`, text);
  }
  const opened = await localFolder(folder.path);
  assert.equal(isAppleFolder(opened), true);
  const model = await openModelFolder(opened, { backend: rig.backend() });
  const hidden = await encodeStates(await model.textEncoder.get(), ["house"]);
  assertClose(hidden, hiddenOf("house"), rig);
  await model.textEncoder.release();
  await model.unets.get(BASE)!.part.release();
});

standInTest("layout: missing parts and other families are errors, and free what was loaded", async (rig) => {
  const before = rig.live().coreml;
  const open = (models: FolderModels) => withModel(rig, models, () => {});
  const { Unet: _, ...headless } = basic;
  await assert.rejects(open(headless), {
    name: "TypeError",
    message: /has no Unet, expected Unet\.mlmodelc or …_unet\.mlpackage/,
  });
  const Unet = specOf("Unet");
  const extra = { time_ids: { shape: [2, 6], dtype: "float16" } };
  await assert.rejects(open({ ...basic, Unet: { ...Unet, inputs: { ...Unet.inputs, ...extra } } }), {
    name: "UnsupportedModelError",
    message: /as the UNet: it takes .*time_ids \[2,6\].*expected sample, timestep, encoder_hidden_states/,
  });
  const UnetChunk2 = { ...specOf("UnetChunk2"), unloadable: "It is damaged." };
  await assert.rejects(open({ ...basic, UnetChunk1: "UnetChunk1", UnetChunk2 }), {
    name: "UnsupportedModelError",
    message: /It is damaged/,
  });
  assert.equal(rig.live().coreml, before);
});

coremlTest("layout: what compiled networks cannot do is refused", async (rig) => {
  await using folder = await rig.folder(basic);
  const options = { backend: rig.backend(), tokenizer: tokenizerFiles };
  const inversions = [{ token: "<cat>", vectors: { data: new Float32Array(16), shape: [1, 16] } }];
  await assert.rejects(openModelFolder(await localFolder(folder.path), { ...options, inversions }), {
    name: "UnsupportedModelError",
    message: /with a textual inversion: its networks are compiled/,
  });
  const memory = memoryFolder("mine", { "Unet.mlmodelc/coremldata.bin": new Uint8Array() });
  await assert.rejects(openModelFolder(memory, options), { name: "TypeError", message: /in memory/ });
});
