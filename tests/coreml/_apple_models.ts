/**
 * Models in Apple's layout on this machine's rig, and what their tests share.
 */
import assert from "node:assert/strict";
import { BASE, type Model } from "../../core/model.ts";
import type { Unet } from "../../core/parts.ts";
import { type Latent, type Tensor, tensor } from "../../core/tensor.ts";
import { torchNoise } from "../../noise/torch_noise.ts";
import { openModelFolder } from "../../presets/open_model.ts";
import { localFolder } from "../../weights/model_folder.ts";
import { tokenizerFiles } from "./_reference.ts";
import { coremlTest, type ModelName, type ModelSpec, type Rig } from "./_rig.ts";

/** Models of a folder by the names that they have there. */
export type FolderModels = Readonly<Record<string, ModelName | ModelSpec>>;

/** A folder that makes pictures. */
export const basic = {
  TextEncoder: "TextEncoder",
  Unet: "Unet",
  VAEDecoder: "VAEDecoder",
  VAEEncoder: "VAEEncoder",
} as const;

/** One whose UNet takes a control, "Edges". */
export const withControl: FolderModels = {
  ...basic,
  ControlledUnet: "ControlledUnet",
  "controlnet/Edges": "ControlNet",
};

/** Opens models for as long as the body runs. */
export async function withModel(
  rig: Rig,
  models: FolderModels,
  body: (model: Model, rig: Rig) => Promise<void> | void,
): Promise<void> {
  await using folder = await rig.folder(models);
  const opened = await localFolder(folder.path);
  const model = await openModelFolder(opened, { backend: rig.backend(), tokenizer: tokenizerFiles });
  try {
    await body(model, rig);
  } finally {
    await model.textEncoder.release();
    await model.vae.release();
    for (const { part } of model.unets.values()) await part.release();
  }
}

/** A test on an open model, on both rigs. */
export function modelTest(
  name: string,
  models: FolderModels,
  body: (model: Model, rig: Rig) => Promise<void> | void,
): void {
  coremlTest(name, (rig) => withModel(rig, models, body));
}

/** The model's only UNet. */
export function unetOf(model: Model): Promise<Unet> {
  return model.unets.get(BASE)!.part.get();
}

/** Standard normal latents of the rig's size. */
export function latents(rows: number): Latent {
  return torchNoise(7).normal([rows, 4, 8, 8]);
}

/** A picture of the rig's size, in 0 … 1. */
export function picture(): Tensor {
  return tensor(Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 255 / 255), [1, 3, 64, 64]);
}

/** The largest difference of two lists of numbers. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

/** Equal to the last bit on the stand-in, within `factor` times the rig's tolerance on Apple's framework. */
export function assertClose(actual: Tensor, expected: Tensor, { tolerance }: Rig, factor: number = 1): void {
  assert.deepEqual(actual.shape, expected.shape);
  const worst = difference(actual.data, expected.data);
  assert(worst <= tolerance * factor, `differs by ${worst}`);
}
