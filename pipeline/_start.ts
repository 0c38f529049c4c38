/** Where a run begins: noise from the seeds, and latents of the given pictures. */
import type { ReadOptions } from "./_pictures.ts";
import { cudaNoise } from "../noise/cuda_noise.ts";
import type { Run } from "./generate_options.ts";
import { type Image, toPixels } from "../core/image.ts";
import type { Model } from "../core/model.ts";
import type { Noise } from "../core/noise.ts";
import type { UnetTraits, Vae } from "../core/parts.ts";
import type { SamplerStart, SamplerStep } from "./run_sampler.ts";
import { concatChannels, concatRows, type Latent, type Tensor } from "../core/tensor.ts";
import { rowNoise, torchNoise } from "../noise/torch_noise.ts";

/** The noise of a run: one stream a row, or one for all. */
export function runNoise({ seeds, batchNoise, rng }: Run): Noise {
  const noise = rng === "cuda" ? cudaNoise : torchNoise;
  return batchNoise === "shared" ? noise(seeds[0]!) : rowNoise(seeds.map((seed) => noise(seed)));
}

/** Everything that is fixed before the first step. */
export interface Start {
  readonly start: SamplerStart;
  /** Extra input channels of inpainting networks. */
  readonly concat?: Latent;
  /** Puts the known area back after a step (inpainting with ordinary networks). */
  readonly blend?: (step: SamplerStep) => Latent;
}

/** Draws in the order of diffusers' pipelines: picture, noise, masked picture. */
export async function startRun(
  options: ReadOptions,
  run: Run,
  { noise, model, condition, vae }: {
    noise: Noise;
    model: Model;
    condition: UnetTraits["condition"];
    vae: () => Promise<Vae>;
  },
): Promise<Start> {
  const rows = run.prompts.length;
  const shape = [rows, model.latentChannels, run.height / model.scale, run.width / model.scale];
  const draw = () => options.latents ?? noise.normal(shape);
  const inpainting = condition?.channels === model.latentChannels + 1;
  if (condition?.required && !(inpainting && options.mask !== undefined)) {
    throw new TypeError(
      inpainting
        ? `Cannot generate with "${model.name}": it is an inpainting model, expected the options "image" and "mask".`
        : `Cannot generate with "${model.name}": its UNet takes ${condition.channels} channels beside the latent, ` +
          `expected none, or ${model.latentChannels + 1} for a mask and a masked latent.`,
    );
  }
  if (options.image === undefined) return { start: { noise: draw() } };

  const pixels = asPixels(options.image);
  const encode = async (picture: Tensor) =>
    rowsOf(await (await vae()).encode(picture, { noise, samples: rows }), rows);
  if (options.mask === undefined) {
    const image = await encode(pixels);
    return { start: { noise: draw(), image, strength: run.strength } };
  }
  const mask = asMask(options.mask);
  const fromNoise = run.strength === 1;
  const image = inpainting && fromNoise ? undefined : await encode(pixels);
  const drawn = draw();
  const masked = await encode(hide(pixels, mask));
  const small = shrink(mask, shape);
  const start = fromNoise || image === undefined
    ? { noise: drawn }
    : { noise: drawn, image, strength: run.strength };
  return inpainting
    ? { start, concat: concatChannels(small, masked) }
    : { start, blend: (step) => blend(step, image!, drawn, small) };
}

/** Known area at the step's noise level, repainted area from the step. */
function blend(
  { latent, level, index, steps }: SamplerStep,
  image: Latent,
  noise: Latent,
  mask: Tensor,
): Latent {
  const [alpha, sigma] = index === steps - 1 ? [1, 0] : [level.alpha, level.sigma];
  const channels = latent.shape[1]!;
  const plane = mask.data.length / mask.shape[0]!;
  const data = latent.data.map((value, i) => {
    const row = Math.floor(i / (channels * plane));
    const repaint = mask.data[row * plane + i % plane]!;
    return (1 - repaint) * (alpha * image.data[i]! + sigma * noise.data[i]!) + repaint * value;
  });
  return { data, shape: latent.shape };
}

/** 8-bit or float pictures to pixels in −1 … 1. */
export function asPixels(image: Image | Tensor): Tensor {
  return "width" in image ? toPixels(image) : image;
}

/** 8-bit or float masks to exact zeros and ones, `[1, 1, height, width]`. */
function asMask(mask: Image | Tensor): Tensor {
  const unit = "width" in mask
    ? Float32Array.from({ length: mask.width * mask.height }, (_, i) => luminance(mask.data, 3 * i) / 255)
    : mask.data;
  const [height, width] = "width" in mask
    ? [mask.height, mask.width]
    : mask.shape.slice(-2) as [number, number];
  return { data: unit.map((value) => value < 0.5 ? 0 : 1), shape: [1, 1, height, width] };
}

/** ITU-R BT.601, as Pillow converts to grey. */
function luminance(data: Uint8Array, i: number): number {
  return 0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!;
}

/** Grey (0) where the mask repaints. */
function hide(pixels: Tensor, mask: Tensor): Tensor {
  const plane = mask.data.length;
  return {
    data: pixels.data.map((value, i) => mask.data[i % plane]! < 0.5 ? value : 0),
    shape: pixels.shape,
  };
}

/** Nearest neighbour to the latent's size, `[rows, 1, h, w]`. */
function shrink(mask: Tensor, [rows, , height, width]: readonly number[]): Tensor {
  const [fullHeight, fullWidth] = mask.shape.slice(2) as [number, number];
  const data = Float32Array.from({ length: height! * width! }, (_, i) => {
    const y = Math.floor(Math.floor(i / width!) * fullHeight / height!);
    return mask.data[y * fullWidth + Math.floor(i % width! * fullWidth / width!)]!;
  });
  return rowsOf({ data, shape: [1, 1, height!, width!] }, rows!);
}

function rowsOf(tensor: Tensor, rows: number): Tensor {
  return tensor.shape[0] === rows ? tensor : concatRows(Array(rows).fill(tensor));
}
