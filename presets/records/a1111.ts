/**
 * Pictures of AUTOMATIC1111's web UI, of Forge, and of all who write as they do.
 *
 * @module
 */
import type { PromptSyntax } from "../../core/parts.ts";
import { parseParameters } from "../../image/mod.ts";
import { seedOf } from "./_json_texts.ts";
import { A1111_SAMPLERS, claimedSampler, COMFYUI_SAMPLERS, takes } from "./_samplers.ts";
import { optional, Settings } from "./_settings.ts";
import { type Dialect, type PictureRequest, type Remark, unreadable } from "./request.ts";

/** Settings that say who made a picture, and from which files, and change nothing. */
const beside =
  /^(?:Version|User|Model hash|VAE hash|Lora hashes|Hashes|Batch size|Batch pos|Batch index|Distilled CFG Scale|Created Date)$/;

/** A1111's text by a node of ComfyUI: samplers by the names of either, and noise from the CPU. */
const comfyui = "ComfyUI";

/** Settings of a second pass at a larger size; before 2023 the first one's size was said instead. */
const secondPass = /^(?:Hires |First pass size$)/;

/** Settings that only pictures made from another picture have. */
const fromPicture =
  /^(?:Init image hash|Mask blur|Mask mode|Masked content|Inpaint area|Masked area padding|Conditional mask weight|Noise multiplier)$/;

/** The text under `parameters` whose last line is settings. */
export const a1111: Dialect = {
  name: "AUTOMATIC1111's web UI",
  recognises: ({ parameters }) => parameters !== undefined && !/^\s*\{/.test(parameters),
  read: ({ parameters = "" }) => readA1111(parameters),
};

function readA1111(text: string): PictureRequest {
  const { prompt, negativePrompt, settings, behind } = parseParameters(text);
  if (Object.keys(settings).length === 0) {
    throw unreadable("its text has no line of settings", 'one that begins with "Steps: "');
  }
  const given = new Settings(settings);
  const version = given.text("Version");
  const steps = given.number("Steps");
  const [guidance, size] = [given.number("CFG scale"), sizeOf(given)];
  const spacing = given.text("Schedule type") ?? given.text("Scheduler");
  const name = given.text("Sampler");
  const model = given.text("Model");
  const strength = given.number("Denoising strength");
  const layers = given.number("Clip skip"); // there 1 is the last layer
  const claimed = name === undefined ? undefined : claimedSampler({
    table: version === comfyui ? { ...A1111_SAMPLERS, ...COMFYUI_SAMPLERS } : A1111_SAMPLERS,
    name,
    steps: steps ?? 20,
    ...optional("spacing", spacing),
  });
  const sampler = claimed?.options.sampler;
  const eta = etaOf(given, sampler);
  const emphasis = given.text("Emphasis");
  const remarks: Remark[] = [
    ...model === undefined ? namelessModel(given.text("Model hash")) : modelRemarks(model),
    ...claimed?.remarks ?? [],
    ...etaRemarks(eta, sampler),
    ...emphasis === undefined || syntaxes.has(emphasis) ? [] : [{
      option: "promptSyntax",
      text: `its weights of words were applied as ${JSON.stringify(emphasis)}, which is not done here`,
    }],
  ];
  const vae = given.text("VAE");
  if (vae !== undefined && !/^(?:None|Automatic)$/.test(vae)) {
    remarks.push({ option: "vae", text: `it was decoded with the VAE ${JSON.stringify(vae)}` });
  }
  const modules = given.matching(/^Module \d+$/); // Forge's VAE and text encoders
  if (modules.length > 0) {
    remarks.push({
      option: "vae",
      text: `parts of its model came from ${JSON.stringify(modules.join(", "))}`,
    });
  }
  const controls = given.matching(/^ControlNet(?: |$)/);
  if (controls.length > 0) {
    remarks.push({ option: "control", text: `it was steered by ${JSON.stringify(controls.join(", "))}` });
  }
  const rng = version === comfyui ? "cpu" : sourceOf(given.text("RNG"), remarks);
  const seed = a1111Seed(given.text("Seed"), rng, remarks);
  const started = strengthOf(given, strength, remarks);
  given.matching(beside);
  remarks.push(...leftRemarks(given));
  if (behind !== undefined) {
    remarks.push({ text: `behind its settings stands ${JSON.stringify(behind)}, which is not used` });
  }
  return {
    writer: /^f\d/.test(version ?? "") ? "Forge" : a1111.name,
    options: {
      prompt,
      ...negativePrompt !== "" && { negativePrompt },
      ...claimed?.options,
      ...eta !== undefined && takes(sampler, "eta") &&
        { samplerOptions: { ...claimed?.options.samplerOptions, eta } },
      ...optional("steps", steps),
      ...optional("guidance", guidance),
      ...optional("seed", seed),
      ...size,
      ...started,
      ...layers !== undefined && layers > 1 && { clipSkip: layers - 1 },
      promptSyntax: syntaxes.get(emphasis ?? "") ?? "weighted",
      ...optional("rng", rng),
    },
    remarks,
    ...optional("model", model),
  };
}

/** Its setting "Emphasis", where brackets are not the weights that they always are otherwise. */
const syntaxes: ReadonlyMap<string, PromptSyntax> = new Map([["None", "plain"], ["Original", "weighted"]]);

/** DDIM has an eta of its own, under another name. */
function etaOf(given: Settings, sampler: string | undefined): number | undefined {
  const [own, ddim] = [given.number("Eta"), given.number("Eta DDIM")];
  return sampler === "ddim" ? ddim ?? own : own;
}

function etaRemarks(eta: number | undefined, sampler: string | undefined): Remark[] {
  if (eta === undefined || takes(sampler, "eta") || sampler === undefined) return [];
  return eta === 0 || eta === 1
    ? []
    : [{ option: "eta", text: `its eta of ${eta} is not used: ${sampler} has none` }];
}

/** The first pass' size, where a second one is left out. */
function sizeOf(given: Settings): { readonly width?: number; readonly height?: number } {
  const size = given.size("Size");
  const first = given.peek("First pass size");
  // 0x0 left the choice to the program.
  return first === undefined || /^0x0$/.test(first) ? size : new Settings({ first }).size("first");
}

/** Seeds of more bits than a number holds come from programs that give them to PyTorch, whose CPU generator takes 32. */
function a1111Seed(text: string | undefined, rng: string | undefined, remarks: Remark[]): number | undefined {
  const seed = seedOf(text?.trim());
  if (seed !== undefined && String(seed) !== text?.trim().replace(/^0+(?=\d)/, "") && rng !== "cpu") {
    remarks.push({
      option: "rng",
      text: `its seed ${text} stands for ${seed} on a CPU, and for another elsewhere`,
    });
  }
  return seed;
}

/** Where only a hash says which file it was, or nothing does. */
function namelessModel(hash: string | undefined): Remark[] {
  if (hash === undefined) return [{ option: "model", text: "it does not say with which model it was made" }];
  const text = `it was made with the model whose hash is ${JSON.stringify(hash)}`;
  return [{ option: "model", needed: true, text }];
}

/** The file that a user must name. */
export function modelRemarks(model: string | undefined): Remark[] {
  if (model === undefined) return [];
  return [{ option: "model", needed: true, text: `it was made with the model ${JSON.stringify(model)}` }];
}

function sourceOf(name: string | undefined, remarks: Remark[]): "cpu" | "cuda" | undefined {
  if (name === "CPU") return "cpu";
  if (name === "NV") return "cuda";
  const state = name === undefined || name === "GPU"
    ? "it does not say whose random numbers it was made from: A1111 takes those of the machine's GPU unless told " +
      'otherwise, and on NVIDIA\'s they are those of "cuda"'
    : `it was made from the random numbers of ${JSON.stringify(name)}, which are not known here`;
  remarks.push({ option: "rng", text: state });
  return undefined;
}

/**
 * "Denoising strength" is that of a start from a picture, or of a second pass at a larger size, or, from the program's
 * interface for others, nothing.
 */
function strengthOf(
  given: Settings,
  strength: number | undefined,
  remarks: Remark[],
): { readonly strength?: number } {
  const hires = secondPassRemarks(given);
  if (hires.length > 0) {
    remarks.push(...hires);
    return {};
  }
  const marks = given.matching(fromPicture);
  if (strength === undefined && marks.length === 0) return {};
  if (marks.length > 0) {
    const masked = marks.filter((mark) => /^(?:Mask|Inpaint)/.test(mark));
    remarks.push({ option: "image", needed: true, text: "it was made from another picture" });
    if (masked.length > 0) {
      remarks.push({ option: "mask", needed: true, text: "only a part of it was repainted" });
    }
    remarks.push({ text: `of its start from a picture is not used: ${JSON.stringify(marks.join(", "))}` });
  } else {
    remarks.push({
      option: "image",
      text:
        `it has a Denoising strength of ${strength} and is made from the prompt alone; if it was made from another ` +
        "picture, that is wanted",
    });
  }
  return optional("strength", strength);
}

/** What it says of a second pass. */
export function secondPassRemarks(given: Settings): Remark[] {
  const hires = given.matching(secondPass);
  if (hires.length === 0) return [];
  const quoted = JSON.stringify(hires.join(", "));
  return [{ text: `its second pass at a larger size is not made (${quoted}), the picture is its first` }];
}

function leftRemarks(given: Settings): Remark[] {
  const embeddings = given.text("TI hashes");
  const left = given.rest();
  return [
    ...embeddings === undefined
      ? []
      : [{ text: `its new words are not read: ${JSON.stringify(embeddings)}` }],
    ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
  ];
}
