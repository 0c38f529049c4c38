/**
 * A kind of adapter: how the tensors that a file has for one module become a change of its weight. LoRA, LoHa, LoKr,
 * DoRA and full differences are values of this type, and a kind of your own may stand beside them.
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";

/** A matrix `up · down` of the shape of a weight, seen as `[out, in]` or, for a convolution, `[out, in·k·k]`. */
export interface LowRankProduct {
  /** `[out, rank]`. */
  readonly up: Tensor;
  /** `[rank, in]` or `[rank, in·k·k]`. */
  readonly down: Tensor;
}

/** The change of one module: W' = W + s · ΔW and b' = b + s · Δb, s being the user's scale. */
export interface ModuleChange {
  /** Factor on everything below, as alpha / rank. */
  readonly scale: number;
  /** ΔW as a product of two small matrices: what ports can hold, so that it can be swapped hot. */
  readonly lowRank?: LowRankProduct;
  /** ΔW where it is no such product: given W, `[out, …]` row-major, as many numbers. */
  readonly delta?: (weight: Float32Array) => Float32Array;
  /** Δb, `[out]`. */
  readonly bias?: Float32Array;
}

/** The module that a file changes. */
export interface AdaptedModule {
  /** Its path in its network, as `mid_block.resnets.0.conv1`. */
  readonly module: string;
  /** Shape of its weight, `[out, in]`, `[out, in, k, k]`, or `[out]` of a normalisation. */
  readonly shape: readonly number[];
}

/** A tensor of a file: its elements are checked to be finite. */
export interface AdapterTensor extends Tensor {
  /** Its name in the file, for errors. */
  readonly key: string;
}

/** What a file has for one module. */
export interface AdapterTensors {
  /** The roles that are there. */
  readonly roles: ReadonlySet<string>;
  /**
   * The tensor of a role.
   *
   * @throws {WeightsError} If it is not there, is empty, or holds NaN or infinity.
   */
  tensor(role: string): Promise<AdapterTensor>;
  /**
   * The tensor of a role as a matrix `[first dimension, all others]`.
   *
   * @throws {WeightsError} As `tensor`; also if it has less than two dimensions.
   */
  matrix(role: string): Promise<AdapterTensor>;
  /**
   * alpha / rank, as the file or its metadata say; 1 where neither gives an alpha.
   *
   * @param rank Absent where nothing in the file has one; the metadata's counts then.
   */
  scale(rank?: number): Promise<number>;
}

/** A kind of adapter. */
export interface WeightAdapter {
  /** What it is called, as `"LoKr"`. */
  readonly kind: string;
  /** How keys of the file end, by the role of the tensor; what stands before the end is a spelling of a module. */
  readonly roles: Readonly<Record<string, RegExp>>;
  /** Whether tensors of these roles are of this kind. */
  recognises(roles: ReadonlySet<string>): boolean;
  /**
   * Reads the change of one module.
   *
   * @throws {WeightsError} If tensors are missing, or do not fit each other or the module's weight.
   */
  read(tensors: AdapterTensors, module: AdaptedModule): Promise<ModuleChange>;
}
