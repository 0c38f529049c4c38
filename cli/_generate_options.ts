/** What `generate` may be told, each option described once. */
import { PRECISION_NAMES } from "../backends/precision.ts";
import { adapterOptions } from "./adapters.ts";
import { BACKENDS } from "./choices.ts";
import { hubOptions } from "./_hub_options.ts";
import type { OptionTable } from "./usage.ts";

/** The same heading for several options. */
function under(group: string, options: OptionTable): OptionTable {
  return Object.fromEntries(Object.entries(options).map(([name, entry]) => [name, { ...entry, group }]));
}

/** The options of `generate`. */
export const generateOptions: OptionTable = {
  ...under("What to show", {
    "negative-prompt": { value: "text", text: "what not to show, for guidance" },
    "prompt2": { value: "text", text: "what a second text encoder reads in place of the prompt" },
    "negative-prompt2": { value: "text", text: "likewise what not to show" },
    "sizes": { value: "json", text: "sizes that the model is told: original, crop, target, negative" },
    "width": { value: "number", text: "pixels across", range: "a multiple of 8", default: "the model's" },
    "height": { value: "number", text: "pixels down", range: "a multiple of 8", default: "the model's" },
    "count": { value: "number", text: "how many pictures", range: "1 … 1024", default: "1" },
    "seed": {
      value: "number",
      text: "which picture; further ones have the next seeds; -1 is a random one, which is printed",
      range: "-1 … 9007199254740991",
      default: "-1",
    },
    "prompt-syntax": {
      value: "name",
      text: 'how prompts are read; weighted knows "(word:1.2)", "[from:to:0.5]", "AND"',
      choices: ["plain", "weighted"],
      default: "plain",
    },
    "clip-skip": {
      value: "number",
      text: "last layers of the text encoder to leave out",
      range: "0 or more",
      default: "0",
    },
    "from": { value: "picture", text: "make a picture again from its own file; other options change it" },
  }),
  ...under("Starting from a picture", {
    "image": { value: "file", text: "the picture to start from: PNG, JPEG or WebP" },
    "strength": {
      value: "number",
      text: "how far to go from --image: 0 keeps it",
      range: "0 … 1",
      default: "0.8, with --mask 1",
    },
    "mask": { value: "file", text: "repaint --image where this picture is white" },
  }),
  ...under("How", {
    "sampler": {
      value: "name",
      short: "s",
      text: 'the algorithm, as "euler" or "DPM++ 2M Karras"; inspect MODEL lists those that fit',
      default: "the model's",
    },
    "steps": { value: "number", text: "number of steps", range: "1 … 1000", default: "the sampler's" },
    "guidance": {
      value: "number",
      text: "how closely to follow the prompt; 1 or less is none, and costs half",
      range: "0 … 1000",
      default: "the sampler's or the model's",
    },
    "guidance-rescale": {
      value: "number",
      text: "how much of guidance's overexposure to take back",
      range: "0 … 1",
      default: "0",
    },
    "eta": { value: "number", text: "noise that --sampler adds", range: "0 … 1", default: "the sampler's" },
    "sampler-options": { value: "json", text: `further options of --sampler, as '{"spacing":"trailing"}'` },
    "rng": {
      value: "name",
      text: "whose random numbers the seed stands for: PyTorch's on a CPU, or on a GPU",
      choices: ["cpu", "cuda"],
      default: "cpu",
    },
    "batch-size": {
      value: "number",
      text: "pictures that are made at once; fewer need less memory",
      range: "1 … 1024",
      default: "all",
    },
  }),
  ...under("Adapters", adapterOptions),
  ...under("Model", {
    "model": {
      value: "model",
      short: "m",
      text: 'the embedded "mini", a folder, a .safetensors or .gguf file, or OWNER/NAME on a hub',
      default: "mini",
    },
    "vae": { value: "path", text: "a VAE in place of the model's: folder or file" },
    "unet": { value: "path", text: "a UNet in place of the model's: folder or file" },
    "text-encoder": { value: "path", text: "a text encoder in place of the model's: folder or file" },
    "tokenizer": { value: "folder", text: "vocab.json and merges.txt, where the model has none" },
    "variant": { value: "name", text: 'which of several weights, as "fp16"', default: "the plain ones" },
    "prediction-type": {
      value: "name",
      text: "what the UNet predicts, where the model does not say",
      choices: ["epsilon", "v_prediction", "sample"],
      default: "what the model says",
    },
  }),
  ...under("Hub", hubOptions),
  ...under("Where it runs", {
    "backend": {
      value: "name",
      short: "b",
      text: "what runs the networks",
      choices: BACKENDS,
      default: "auto, the first of webgpu, native, wasm that works here",
    },
    "dtype": {
      value: "name",
      text: "precision: how weights are held, and what is computed with",
      choices: PRECISION_NAMES,
      default: "int8 where the weights are, else float32",
    },
    "tile": {
      value: "number",
      text: "side of the VAE's tiles in pixels, for large pictures in little memory",
      range: "a multiple of 32",
      default: "no tiles",
    },
  }),
  ...under("Result", {
    "out": {
      value: "file",
      short: "o",
      text: "the picture's file, .png, .jpg or .webp; several get numbers, as does one whose name is taken",
      default: "out.png",
    },
    "force": { text: "overwrite what --out names" },
    "json": { text: "report what was made as one JSON object on standard output" },
  }),
};
