/**
 * Networks that the caller puts in place of a model's own, and those that lie beside a single file.
 *
 * @module
 */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { vaeBeside } from "../core/model_files.ts";
import type { Components, Program } from "../families/components.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { hasTextAt, inferTextAt } from "../weights/_checkpoint_text.ts";
import { textNames } from "../weights/checkpoint_map.ts";
import type { Json } from "../core/json.ts";
import { localFolder, type ModelFolder, readJson } from "../weights/model_folder.ts";
import { type NetworkFile, networkFile } from "../weights/network_file.ts";
import { renameWeights } from "../weights/rename.ts";
import type { Weights } from "../weights/weights.ts";
import { openWeightsFile } from "../weights/weights_file.ts";

/** Options that name a network, by its role. */
const options = { vae: "vae", unet: "unet", text_encoder: "textEncoder" } as const;

/** Roles that may be given. */
type Role = keyof typeof options;

const kinds: Readonly<Record<Exclude<Role, "text_encoder">, readonly NetworkFile["kind"][]>> = {
  vae: ["AutoencoderKL", "AutoencoderTiny"],
  unet: ["UNet2DConditionModel"],
};

interface Part {
  readonly config: Json;
  readonly program: Program;
}

/** What may be said of given networks. */
type GivenOptions = Pick<OpenModelOptions, "vae" | "unet" | "textEncoder" | "checkpoint" | "variant">;

/**
 * The components with the networks that were asked for in place of the model's own.
 *
 * @throws {UnsupportedModelError} If the model's layout takes none, as ONNX and Core ML.
 * @throws {TypeError} If there is no such folder or file.
 * @throws {WeightsError} If a file holds no such network.
 */
export async function withGivenParts(
  files: Components,
  folder: ModelFolder,
  given: GivenOptions,
): Promise<Components> {
  const parts = new Map<string, Part>();
  for (const role of Object.keys(options) as Role[]) {
    const name = given[options[role]];
    if (name === undefined || files.roles.has(name)) continue; // a folder of the model's own
    if (files.layout !== "diffusers" && files.layout !== "single file") {
      throw new UnsupportedModelError(
        `Cannot put "${name}" in place of the ${role} of "${files.name}": it has the layout ${files.layout}, expected ` +
          "one of diffusers, or a single file.",
      );
    }
    parts.set(role, await findPart(folder, name, role, given));
  }
  if (parts.size === 0) return files;
  return {
    ...files,
    roles: new Set([...files.roles, ...parts.keys()]),
    config: (role) => parts.get(role)?.config ?? files.config(role),
    program: (role) => parts.get(role)?.program ?? files.program(role),
    need: (role) => parts.get(role)?.program ?? files.need(role),
  };
}

/**
 * Networks beside a single file that nobody named: `NAME.vae.safetensors`, which counts before a VAE inside, and folders
 * of diffusers for what the file was published without.
 */
export function partsBeside(
  files: Components,
  folder: ModelFolder,
): Pick<GivenOptions, "vae" | "textEncoder"> {
  if (files.layout !== "single file") return {};
  const own = vaeBeside(`${files.name}.safetensors`);
  const lacks = (role: string) => !files.roles.has(role) && folder.files.has(`${role}/config.json`);
  const vae = folder.files.has(own) ? own : lacks("vae") ? "vae" : undefined;
  return { ...vae !== undefined && { vae }, ...lacks("text_encoder") && { textEncoder: "text_encoder" } };
}

/** In the model's folder: a file, or a folder with a `config.json`. Else by its path. */
async function findPart(folder: ModelFolder, name: string, role: Role, given: GivenOptions): Promise<Part> {
  if (folder.files.has(name)) return await filePart(folder, name, role, given);
  if (folder.files.has(`${name}/config.json`)) return await folderPart(folder, name, given);
  const other = await localFolder(name).catch((cause: Error) => {
    throw new TypeError(
      `Cannot take the ${role} from "${name}": the model "${folder.name}" has no such file, nor is there one of this path.`,
      { cause },
    );
  });
  for (const component of [".", role]) {
    if (other.files.has(component === "." ? "config.json" : `${component}/config.json`)) {
      return await folderPart(other, component, given);
    }
  }
  const [file, ...more] = [...other.files].filter((path) => /^[^/]+\.(?:safetensors|gguf)$/.test(path));
  if (file !== undefined && more.length === 0) {
    return await filePart(await besides(name, other), file, role, given);
  }
  throw new TypeError(
    `Cannot take the ${role} from "${name}": the folder has no config.json and ${
      more.length + Number(file !== undefined)
    } ` +
      "files of weights, expected a diffusers folder, or a file.",
  );
}

/** The other half of a tiny VAE, which is two files. */
async function besides(path: string, folder: ModelFolder): Promise<ModelFolder> {
  const half = otherHalf(path);
  const found = half === undefined ? undefined : await localFolder(half).catch(() => undefined);
  if (found === undefined) return folder;
  const [name] = found.files;
  return {
    ...folder,
    files: new Set([...folder.files, name!]),
    source: (file) => file === name ? found.source(file) : folder.source(file),
  };
}

function otherHalf(path: string): string | undefined {
  const [, head = "", half, tail = ""] = path.match(/^(.*)(encoder|decoder)([^/\\]*)$/) ?? [];
  return half === undefined ? undefined : `${head}${half === "encoder" ? "decoder" : "encoder"}${tail}`;
}

async function folderPart(folder: ModelFolder, component: string, { variant }: GivenOptions): Promise<Part> {
  const config = await readJson(folder, component === "." ? "config.json" : `${component}/config.json`);
  const open = async () => {
    // A variant is the model's; a part from elsewhere may have none.
    const plain = () => folder.weights(component);
    return variant === undefined ? await plain() : await folder.weights(component, { variant }).catch(plain);
  };
  return { config, program: { kind: "weights", open } };
}

async function filePart(
  folder: ModelFolder,
  file: string,
  role: Role,
  { checkpoint }: GivenOptions,
): Promise<Part> {
  const fields = checkpoint?.[options[role] as "vae" | "unet" | "textEncoder"] ?? {};
  const half = role === "vae" ? otherHalf(file) : undefined;
  const files = half !== undefined && folder.files.has(half) ? [file, half] : [file];
  const read = async (): Promise<{ readonly config: Json; readonly weights: Weights }> => {
    const networks = await Promise.all(files.map(async (name) => {
      const opened = await openWeightsFile(folder.source(name));
      return role === "text_encoder"
        ? textFile(opened, fields)
        : networkFile(opened, { fields, kinds: kinds[role] });
    }));
    return { config: networks[0]!.config, weights: together(networks.map(({ weights }) => weights)) };
  };
  const { config, weights } = await read();
  await weights[Symbol.asyncDispose]();
  return { config, program: { kind: "weights", open: async () => (await read()).weights } };
}

/** How a text encoder's file ends the name that tells where it begins. */
const textMarks = [["clip", "embeddings.token_embedding.weight"], [
  "openclip",
  "positional_embedding",
]] as const;

/** OpenCLIP's encoders, which are wider than CLIP's own, have an exact GELU also under the names of transformers. */
const widestClip = 768;

/** A text encoder as transformers or OpenCLIP name its tensors, whatever stands before the names. */
function textFile(weights: Weights, fields: Json): { readonly config: Json; readonly weights: Weights } {
  const found = textMarks.flatMap(([kind, mark]) =>
    [...weights.names()].filter((name) => name.endsWith(mark))
      .map((name) => ({ kind, prefix: name.slice(0, -mark.length) }))
      .filter((place) => hasTextAt(weights, place))
  );
  const [place, ...others] = found;
  if (place === undefined || others.length > 0) {
    const state = `it has ${found.length} (${found.map(({ prefix }) => JSON.stringify(prefix)).join(", ")})`;
    throw new WeightsError(
      `Cannot take a text encoder from the file: ${
        place === undefined ? "it has none" : state
      }, expected one under the names ` +
        "of transformers or OpenCLIP.",
    );
  }
  const { config, layout } = inferTextAt(weights, place, { unused: place.kind === "openclip" ? 1 : 0 });
  const wide = Number(config["hidden_size"]) > widestClip ? { hidden_act: "gelu" } : {};
  return { config: { ...config, ...wide, ...fields }, weights: renameWeights(weights, textNames(layout)) };
}

function together(parts: readonly Weights[]): Weights {
  if (parts.length === 1) return parts[0]!;
  const owner = new Map(parts.flatMap((part) => [...part.names()].map((name) => [name, part] as const)));
  return {
    names: () => owner.keys(),
    info: (name) => owner.get(name)?.info(name),
    read: (name) => (owner.get(name) ?? parts[0]!).read(name),
    async [Symbol.asyncDispose]() {
      for (const part of parts) await part[Symbol.asyncDispose]();
    },
  };
}
