/**
 * A model of the contracts' own making: the arithmetic of the rig's models, with nothing of Core ML in it.
 */
import { BASE, type Model } from "../../core/model.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Control, Residuals, TextEncoder, Unet, Vae } from "../../core/parts.ts";
import { createSchedule } from "../../schedules/ddpm.ts";
import { concatRows, sliceRows, type Tensor } from "../../core/tensor.ts";
import { ddim } from "../../samplers/ddim.ts";
import type { TokenizerFiles } from "../../tokenizer/files.ts";
import { controlNet, half, textEncoder, unet, vaeDecoder, vaeEncoder } from "./_arithmetic.ts";
import { specOf } from "./_rig.ts";

/** A vocabulary in which every letter of a word is a token. */
export const tokenizerFiles: TokenizerFiles = {
  "vocab.json": JSON.stringify(Object.fromEntries([
    ..."abcdefghijklmnopqrstuvwxyz".split("").flatMap((
      letter,
      i,
    ) => [[letter, 2 * i], [`${letter}</w>`, 2 * i + 1]]),
    ["<|startoftext|>", 52],
    ["<|endoftext|>", 53],
  ])),
  "merges.txt": "#version: 0.2\n",
};

/** The ids of a prompt of small letters and spaces, as a row of 77. */
export function idsOf(prompt: string): number[] {
  const ids = prompt.split(" ").filter((word) => word !== "").flatMap((word) =>
    Array.from(word, (letter, i) => 2 * (letter.charCodeAt(0) - 97) + Number(i === word.length - 1))
  );
  return Array.from({ length: 77 }, (_, i) => i === 0 ? 52 : ids[i - 1] ?? 53);
}

/** Hidden states of prompts, `[rows, 77, 16]`. */
export function hiddenOf(...prompts: string[]): Tensor {
  return concatRows(prompts.map((prompt) => textEncoder(idsOf(prompt), 16)));
}

/** Shapes of a ControlNet's residuals for so many rows. */
export function residualShapes(rows: number): number[][] {
  const { outputs } = specOf("ControlNet");
  return Array.from({ length: 13 }, (_, i) => [rows, ...outputs[`additional_residual_${i}`]!.shape.slice(1)]);
}

/** A ControlNet's residuals by place, as the UNet takes them. */
export function residualsOf(latent: Tensor, timestep: number, picture: Tensor): Record<string, Tensor> {
  const rows = latent.shape[0]!;
  const pictures = concatRows(Array.from({ length: rows }, () => picture));
  const residuals = controlNet(half(latent), timestep, half(pictures), residualShapes(rows)).map(half);
  return Object.fromEntries(residuals.map((residual, i) => [i === 12 ? "mid" : `skip.${i}`, residual]));
}

type Network = (sample: Tensor, timestep: number, hidden: Tensor, residuals: readonly Tensor[]) => Tensor;

/** Options of {@linkcode referenceModel}. */
export interface ReferenceOptions {
  /** What stands for the UNet. @default {unet} */
  readonly network?: Network;
}

/** The model. Its one control is called "Edges". */
export function referenceModel({ network = unet }: ReferenceOptions = {}): Model {
  const nothing = { [Symbol.asyncDispose]: () => Promise.resolve() };
  const encoder: TextEncoder = {
    ...nothing,
    encode: ({ prompts, negativePrompts = prompts.map(() => ""), passes }) =>
      Promise.resolve({
        passes: passes.map((name) => {
          const texts = name === "unconditional" ? negativePrompts : prompts;
          return { name, conditioning: { encoder_hidden_states: hiddenOf(...texts) } };
        }),
      }),
  };
  const denoiser: Unet = {
    ...nothing,
    traits: {},
    prepare: ({ encoder_hidden_states: hidden }) =>
      Promise.resolve({
        ...nothing,
        predict: (latent, timestep, residuals: Residuals = {}) => {
          const list = Object.values(residuals) as Tensor[];
          return Promise.resolve(network(half(latent), timestep, half(hidden!), list.map(half)));
        },
      }),
  };
  const vae: Vae = {
    ...nothing,
    traits: { latentChannels: 4, scale: 8 },
    encode(pixels, { noise } = {}) {
      const { data } = vaeEncoder(half(pixels));
      const drawn = noise?.normal([1, 4, 8, 8]).data;
      const latent = Float32Array.from({ length: 256 }, (_, i) => {
        const deviation = Math.exp(Math.min(Math.max(data[256 + i]!, -30), 20) / 2);
        return data[i]! + (drawn === undefined ? 0 : deviation * drawn[i]!);
      });
      return Promise.resolve({ data: latent.map((value) => value * 0.18215), shape: [1, 4, 8, 8] });
    },
    decode({ data, shape }) {
      const z = { data: data.map((value) => value / 0.18215), shape };
      const rows = Array.from(
        { length: shape[0]! },
        (_, row) => vaeDecoder(half(sliceRows(z, row, row + 1))),
      );
      return Promise.resolve(concatRows(rows));
    },
  };
  const control: Control = {
    ...nothing,
    prepare: (picture) =>
      Promise.resolve({
        ...nothing,
        residuals: ({ latent, timestep }) => Promise.resolve(residualsOf(latent, timestep, picture)),
      }),
  };
  const edges = new LazyPart(() => Promise.resolve(control));
  return {
    name: "reference",
    backend: "TypeScript",
    textEncoder: new LazyPart(() => Promise.resolve(encoder)),
    unets: new Map([[BASE, { traits: {}, part: new LazyPart(() => Promise.resolve(denoiser)) }]]),
    vae: new LazyPart(() => Promise.resolve(vae)),
    schedule: () => createSchedule({ stepsOffset: 1, setAlphaToOne: false }),
    sampler: ddim(),
    guidanceScale: 7.5,
    size: 64,
    scale: 8,
    latentChannels: 4,
    openControl: () => edges,
  };
}
