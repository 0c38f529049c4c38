/** One layer of a LoRA file: its factors, checked and brought to one form. */
import { WeightsError } from "../core/errors.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";
import { readFloat32 } from "../weights/convert.ts";
import type { Weights } from "../weights/weights.ts";
import type { Role } from "./_lora_keys.ts";
import type { AdapterSettings } from "./_lora_metadata.ts";
import type { Place } from "./_lora_names.ts";
import { expandTucker, transposed } from "./_matrices.ts";
import type { LoraLayer, LowRankProduct } from "./lora.ts";

/** What the model and the file's header say of a layer. */
export interface LayerContext extends Place {
  /** Shape of the weight that it changes. */
  readonly shape: readonly number[];
  readonly settings: AdapterSettings;
}

/**
 * Reads a layer.
 *
 * @throws {WeightsError} If factors are missing, do not fit each other or the weight, or hold bad numbers.
 */
export async function readLayer(
  file: Weights,
  keys: ReadonlyMap<Role, string>,
  { target, module, shape, settings }: LayerContext,
): Promise<LoraLayer> {
  const read = (role: Role) => readFactor(file, keys, role);
  const kind = [...keys.keys()].some((role) => role.startsWith("w") || role.startsWith("t"))
    ? "loha"
    : "lora";
  const products = kind === "lora"
    ? [await loraProduct(read, keys)]
    : [await lohaHalf(read, keys, 1), await lohaHalf(read, keys, 2)];
  for (const product of products) checkShape(product, shape, [...keys.values()][0]!);
  const rank = file.info(keys.get(kind === "lora" ? "down" : "w1b")!)!.shape[0]!;
  return { target, module, kind, products, scale: await readScale(file, keys, rank, settings, module) };
}

type Read = (role: Role) => Promise<Factor>;

/** A factor as a matrix `[first dimension, all others]`. */
interface Factor extends Tensor {
  readonly key: string;
  /** The shape in the file. */
  readonly stored: readonly number[];
}

/** LoRA, and LoCon: a 1 × 1 `up` after a k × k `down`, or after a k × k `mid` after a 1 × 1 `down`. */
async function loraProduct(read: Read, keys: ReadonlyMap<Role, string>): Promise<LowRankProduct> {
  const [up, down] = [await read("up"), await read("down")];
  if (!keys.has("mid")) {
    checkRank(up, up.shape[1]!, down, down.shape[0]!);
    return { up, down };
  }
  const mid = await read("mid");
  checkRank(up, up.shape[1]!, mid, mid.stored[0]!);
  checkRank(mid, mid.stored[1]!, down, down.shape[0]!);
  return { up, down: expandTucker({ data: mid.data, shape: mid.stored }, down) };
}

/** One of LoHa's two products; for convolutions it may have a k × k core `t`, and `a` is transposed then. */
async function lohaHalf(read: Read, keys: ReadonlyMap<Role, string>, half: 1 | 2): Promise<LowRankProduct> {
  const [a, b] = [await read(`w${half}a`), await read(`w${half}b`)];
  if (!keys.has(`t${half}`)) {
    checkRank(a, a.shape[1]!, b, b.shape[0]!);
    return { up: a, down: b };
  }
  const core = await read(`t${half}`);
  checkRank(a, a.shape[0]!, core, core.stored[0]!);
  checkRank(core, core.stored[1]!, b, b.shape[0]!);
  return { up: transposed(a), down: expandTucker({ data: core.data, shape: core.stored }, b) };
}

async function readFactor(file: Weights, keys: ReadonlyMap<Role, string>, role: Role): Promise<Factor> {
  const key = keys.get(role);
  if (key === undefined) {
    const [other] = keys.values();
    throw new WeightsError(
      `Cannot load LoRA: key "${other}" stands alone, expected the factor "${role}" beside it.`,
    );
  }
  const { shape: stored } = file.info(key)!;
  const [rows = 0] = stored;
  if (stored.length < 2) {
    throw new WeightsError(
      `Cannot load LoRA: key "${key}" has shape [${stored}], expected a matrix or a convolution.`,
    );
  }
  if (sizeOf(stored) === 0) {
    throw new WeightsError(`Cannot load LoRA: key "${key}" has rank 0, expected 1 or more.`);
  }
  const data = await readFloat32(file, key);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) {
    throw new WeightsError(`Cannot load LoRA: key "${key}" holds ${data[bad]}, expected finite numbers.`);
  }
  return { key, data, shape: [rows, data.length / rows], stored };
}

async function readScale(
  file: Weights,
  keys: ReadonlyMap<Role, string>,
  rank: number,
  settings: AdapterSettings,
  module: string,
): Promise<number> {
  const key = keys.get("alpha");
  const alpha = key === undefined ? settings.alpha(module) : (await readFloat32(file, key))[0];
  if (alpha === undefined) return 1;
  if (Number.isFinite(alpha) && alpha !== 0) {
    return alpha / (settings.rankStabilised ? Math.sqrt(rank) : rank);
  }
  const place = key === undefined ? `the metadata give ${module}` : `key "${key}" is`;
  throw new WeightsError(`Cannot load LoRA: ${place} alpha ${alpha}, expected a finite number other than 0.`);
}

function checkRank(left: Factor, leftRank: number, right: Factor, rightRank: number): void {
  if (leftRank === rightRank) return;
  throw new WeightsError(
    `Cannot load LoRA: key "${left.key}" has rank ${leftRank}, but "${right.key}" has ${rightRank}, expected the same.`,
  );
}

function checkShape({ up, down }: LowRankProduct, shape: readonly number[], key: string): void {
  const [outputs = 0, ...inputs] = shape;
  if (up.shape[0] === outputs && down.shape[1] === sizeOf(inputs)) return;
  throw new WeightsError(
    `Cannot load LoRA: key "${key}" changes a weight of ${up.shape[0]} × ${down.shape[1]}, ` +
      `the model's is ${outputs} × ${sizeOf(inputs)}: it was made for another architecture.`,
  );
}
