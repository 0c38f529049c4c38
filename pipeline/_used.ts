/** What a run used, as the record of its pictures has it. */
import type { ReadOptions } from "./_pictures.ts";
import type { Run } from "./generate_options.ts";
import type { Image } from "../core/image.ts";
import type { LoraInput, Model } from "../core/model.ts";
import type { UsedFile } from "../core/model_origin.ts";
import type { Fingerprint, PictureSources, UsedLora } from "./picture_sources.ts";
import type { Tensor } from "../core/tensor.ts";

/** The LoRAs of a call as a record has them. */
export async function usedLoras(
  loras: readonly LoraInput[],
  fingerprint: Fingerprint | undefined,
): Promise<UsedLora[]> {
  return await Promise.all(loras.map(async ({ source, ...rest }) => ({
    ...typeof source === "string" && { source },
    ...rest,
    ...await hashed(fingerprint, source),
  })));
}

/** The sources of all rows of a run. */
export async function picturesSources(
  { origin }: Pick<Model, "origin">,
  run: Run,
  options: ReadOptions,
  { loras, fingerprint }: {
    readonly loras: readonly UsedLora[];
    readonly fingerprint: Fingerprint | undefined;
  },
): Promise<PictureSources> {
  const { image, mask, control = [], latents, record = {} } = options;
  const rows = Math.min(run.batchSize, run.prompts.length);
  const shared = run.batchNoise === "shared" && run.prompts.length > 1;
  const pixels = async (picture: Image | Tensor | undefined) =>
    picture === undefined ? undefined : (await hashed(fingerprint, bytesOf(picture))).hash;
  const [imageHash, maskHash] = [await pixels(image), await pixels(mask)];
  return {
    ...origin !== undefined && { model: origin },
    loras,
    controls: await Promise.all(control.map(async ({ source, image, ...rest }) => ({
      ...typeof source === "string" && { source },
      ...rest,
      ...await hashed(fingerprint, bytesOf(image)),
    }))),
    ...imageHash !== undefined && { image: imageHash },
    ...maskHash !== undefined && { mask: maskHash },
    run: {
      ...shared && { batchNoise: run.batchNoise },
      ...run.guidanceMode !== "batch" && { guidanceMode: run.guidanceMode },
      ...rows > 1 && { batchSize: rows },
    },
    notes: record,
    lacks: [
      ...origin?.lacks ?? ["model"],
      ...latents === undefined ? [] : ["latents"],
      ...loras.some(({ source }) => source === undefined) ? ["loras"] : [],
      ...control.some(({ source }) => typeof source !== "string") ? ["control"] : [],
    ],
  };
}

function bytesOf({ data }: Image | Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function hashed(
  fingerprint: Fingerprint | undefined,
  source: string | Uint8Array | Blob,
): Promise<Pick<UsedFile, "hash">> {
  const hash = await fingerprint?.(source);
  return hash === undefined ? {} : { hash };
}
