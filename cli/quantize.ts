/**
 * `quantize MODEL --out FOLDER`: writes a smaller copy of a model folder.
 *
 * @module
 */
import { copyFile, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { localFolder } from "../weights/model_folder.ts";
import { castWeights, openWeights, quantised, writeSafetensors } from "../weights/mod.ts";
import { reasonOf } from "./_reason.ts";
import { align } from "./table.ts";
import { writeOut } from "./_streams.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "./usage.ts";

/** The command. */
export const quantizeCommand: CommandEntry = {
  name: "quantize",
  text: "write a smaller copy of a model folder",
  words: { model: "a diffusers folder" },
  options: {
    "out": { value: "folder", short: "o", text: "where the copy is written; needed" },
    "dtype": {
      value: "name",
      text: "how weights are stored",
      choices: ["int8", "float16"],
      default: "int8",
    },
    "variant": { value: "name", text: 'which of several weights, as "fp16"', default: "the plain ones" },
  },
  examples: ["./stable-diffusion-v1-5 --out ./sd15-int8"],
  run: quantize,
};

async function quantize(given: ParsedArguments): Promise<void> {
  const [path, ...rest] = given.words;
  const out = given.text("out");
  if (path === undefined || rest.length > 0 || out === undefined) {
    throw new UsageError("Expected one model and a folder to write: quantize MODEL --out FOLDER.");
  }
  const sizes = await quantizeModel(path, out, given.text("dtype") ?? "int8", given.text("variant"));
  const rows = sizes.map(({ component, before, after }) => [
    component,
    `${(before / 1e6).toFixed(1)} MB`,
    `${(after / 1e6).toFixed(1)} MB`,
  ]);
  writeOut(`${align([["component", "before", "after"], ...rows]).join("\n")}\n`);
}

/** What became of a component's weights, in bytes. */
export interface ComponentSizes {
  /** Its folder. */
  readonly component: string;
  /** Size of its weights before. */
  readonly before: number;
  /** Size of its weights after. */
  readonly after: number;
}

/** Copies a model folder, with the weights of every component in another element type. */
export async function quantizeModel(
  path: string,
  out: string,
  dtype: string,
  variant?: string,
): Promise<ComponentSizes[]> {
  if (dtype !== "int8" && dtype !== "float16") {
    throw new UsageError(`Cannot quantize to --dtype ${dtype}: expected int8 or float16.`);
  }
  const { files } = await localFolder(path);
  const components = new Set<string>();
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw new UsageError(`Cannot write to "${out}": ${reasonOf(cause)}.`);
  });
  for (const file of files) {
    if (/\.(safetensors|safetensors\.index\.json)$/.test(file)) components.add(dirname(file));
    else if (/\.(json|txt)$/.test(file)) {
      await mkdir(dirname(join(out, file)), { recursive: true });
      await copyFile(join(path, file), join(out, file));
    }
  }
  if (components.size === 0) {
    throw new TypeError(`Cannot quantize "${path}": it holds no safetensors, expected a diffusers folder.`);
  }
  const sizes: ComponentSizes[] = [];
  for (const component of [...components].sort()) {
    await using weights = await openWeights(join(path, component), variant === undefined ? {} : { variant });
    const before = [...weights.names()].reduce((sum, name) => sum + weights.info(name)!.byteLength, 0);
    const name = stemOf(component);
    const target = join(out, component, `${name}.safetensors`);
    await mkdir(dirname(target), { recursive: true });
    const small = dtype === "int8" && name !== loraStem ? quantised(weights) : castWeights(weights, "F16");
    await writeSafetensors(target, small);
    sizes.push({ component, before, after: (await stat(target)).size });
  }
  return sizes;
}

/** A LoRA's factors stay in half precision: what is read and multiplied once has no use for 8 bits. */
const loraStem = "pytorch_lora_weights";

function stemOf(component: string): string {
  if (component.startsWith("lora_")) return loraStem;
  return component.startsWith("text_encoder") ? "model" : "diffusion_pytorch_model";
}
