/** Which models are not of this family, by what their folders say. */
import { UnsupportedModelError } from "../core/errors.ts";
import { BASE } from "../core/model.ts";
import { type ModelFolder, readOptionalJson } from "../weights/model_folder.ts";

/** Components that other families have, with the names of these. */
const foreign: Readonly<Record<string, string>> = {
  "transformer/": "Stable Diffusion 3, Flux and other transformers",
  "text_encoder_2/": "Stable Diffusion XL",
  "prior/": "Stable Cascade and Kandinsky",
};

/**
 * Refuses models of other families by name, before anything of them is read.
 *
 * @throws {UnsupportedModelError} If this is one.
 */
export async function refuseOtherFamilies(folder: ModelFolder): Promise<void> {
  const index = await readOptionalJson(folder, "model_index.json");
  const { _class_name: pipeline } = index ?? {};
  const named = typeof pipeline === "string" &&
    /XL|Diffusion3|Flux|Sana|PixArt|Cascade|Upscale|Kandinsky|IFPipeline/.test(pipeline);
  if (named) throw refusal(folder, `it is a ${pipeline}`);
  for (const [component, family] of Object.entries(foreign)) {
    if ([...folder.files].some((file) => file.startsWith(component))) {
      throw refusal(folder, `it has "${component}", as ${family}`);
    }
  }
}

function refusal({ name }: ModelFolder, state: string): UnsupportedModelError {
  return new UnsupportedModelError(
    `Cannot open the model "${name}": ${state}; expected Stable Diffusion 1.x or 2.x, a child of them, or MobileDiffusion.`,
  );
}

/**
 * The UNets of a folder: `unet/` is the ordinary one, `unet_ufogen/` is trained for "ufogen", and so on.
 *
 * @param file The file that each has, as `config.json`.
 * @returns Folders by what the UNets are for, {@linkcode BASE} first.
 * @throws {TypeError} If there is no ordinary one.
 */
export function unetComponents({ files, name }: ModelFolder, file: string): ReadonlyMap<string, string> {
  const components = new Map<string, string>([[BASE, "unet"]]);
  if (!files.has(`unet/${file}`)) {
    throw new TypeError(`Cannot open the model "${name}": "unet/${file}" is missing.`);
  }
  for (const path of files) {
    const [component, ...rest] = path.split("/");
    const [, kind] = component!.match(/^unet_(\w+)$/) ?? [];
    if (kind !== undefined && rest.join("/") === file) components.set(kind.replaceAll("_", "-"), component!);
  }
  return components;
}
