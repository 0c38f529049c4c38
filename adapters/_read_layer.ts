/** What a file has for one module: its tensors, checked, and the changes that they are. */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { sizeOf } from "../core/tensor.ts";
import { readFloat32 } from "../weights/read_float.ts";
import type { Weights } from "../weights/weights.ts";
import type { AdapterSettings } from "./_lora_metadata.ts";
import type { Place } from "./_lora_names.ts";
import type { LoraLayer } from "./lora.ts";
import type { AdapterTensor, AdapterTensors, WeightAdapter } from "./weight_adapter.ts";

/** What the model and the file's header say of a layer. */
export interface LayerContext extends Place {
  /** Shape of the weight that it changes. */
  readonly shape: readonly number[];
  readonly settings: AdapterSettings;
  readonly kinds: readonly WeightAdapter[];
}

/**
 * Reads the changes of a module: usually one; a full difference may stand beside another kind.
 *
 * @param keys Keys by their roles.
 * @throws {WeightsError} If tensors are missing, do not fit each other or the weight, or hold bad numbers.
 */
export async function readLayers(
  file: Weights,
  keys: ReadonlyMap<string, string>,
  { target, module, shape, settings, kinds }: LayerContext,
): Promise<LoraLayer[]> {
  const layers: LoraLayer[] = [];
  let left: ReadonlySet<string> = new Set(
    [...keys.keys()].filter((role) => role !== "alpha" && role !== "scalar"),
  );
  for (const adapter of kinds) {
    if (!adapter.recognises(left)) continue;
    const used = new Set<string>();
    const tensors = tensorsOf(file, keys, left, used, { module, settings });
    const change = await adapter.read(tensors, { module, shape });
    const scalar = keys.has("scalar") ? await readNumber(file, keys.get("scalar")!) : 1;
    if (scalar !== 1 && adapter.kind === "DoRA") { // it belongs inside the norm
      throw new UnsupportedModelError(
        `Cannot load LoRA: "${module}" has DoRA and a trained scalar, expected one of them.`,
      );
    }
    layers.push({ target, module, kind: adapter.kind, ...change, scale: change.scale * scalar });
    left = new Set([...left].filter((role) => !used.has(role)));
  }
  const [stray = keys.size > 0 && layers.length === 0 ? [...keys.keys()][0] : undefined] = left;
  if (stray === undefined) return layers;
  throw new WeightsError(
    `Cannot load LoRA: key "${keys.get(stray)}" stands alone, expected the factors that it belongs to.`,
  );
}

function tensorsOf(
  file: Weights,
  keys: ReadonlyMap<string, string>,
  roles: ReadonlySet<string>,
  used: Set<string>,
  { module, settings }: Pick<LayerContext, "module" | "settings">,
): AdapterTensors {
  const tensor = async (role: string): Promise<AdapterTensor> => {
    const key = keys.get(role);
    if (key === undefined) {
      const [other] = roles;
      throw new WeightsError(
        `Cannot load LoRA: key "${keys.get(other!)}" stands alone, expected the factor "${role}" beside it.`,
      );
    }
    used.add(role);
    return await readTensor(file, key);
  };
  return {
    roles,
    tensor,
    async matrix(role) {
      const { key, data, shape } = await tensor(role);
      const [rows = 0] = shape;
      if (shape.length >= 2) return { key, data, shape: [rows, data.length / rows] };
      throw new WeightsError(
        `Cannot load LoRA: key "${key}" has shape [${shape}], expected a matrix or a convolution.`,
      );
    },
    async scale(own) {
      const key = keys.get("alpha");
      const rank = own ?? (key === undefined ? settings.rank(module) : undefined);
      const alpha = key === undefined ? settings.alpha(module) : await readNumber(file, key);
      if (rank !== undefined && !(Number.isInteger(rank) && rank > 0)) {
        throw new WeightsError(
          `Cannot load LoRA: the metadata give ${module} rank ${rank}, expected a whole number of 1 or more.`,
        );
      }
      if (alpha === undefined || Number.isFinite(alpha) && alpha !== 0 && rank === undefined) return 1;
      if (Number.isFinite(alpha) && alpha !== 0) {
        return alpha / (settings.rankStabilised ? Math.sqrt(rank!) : rank!);
      }
      const place = key === undefined ? `the metadata give ${module}` : `key "${key}" is`;
      throw new WeightsError(
        `Cannot load LoRA: ${place} alpha ${alpha}, expected a finite number other than 0.`,
      );
    },
  };
}

async function readTensor(file: Weights, key: string): Promise<AdapterTensor> {
  const { shape } = file.info(key)!;
  if (sizeOf(shape) === 0) {
    throw new WeightsError(`Cannot load LoRA: key "${key}" has rank 0, expected 1 or more.`);
  }
  const data = await readFloat32(file, key);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return { key, data, shape };
  throw new WeightsError(`Cannot load LoRA: key "${key}" holds ${data[bad]}, expected finite numbers.`);
}

async function readNumber(file: Weights, key: string): Promise<number> {
  const { shape } = file.info(key)!;
  if (sizeOf(shape) === 1) return (await readFloat32(file, key))[0]!;
  throw new WeightsError(`Cannot load LoRA: key "${key}" has shape [${shape}], expected one number.`);
}
