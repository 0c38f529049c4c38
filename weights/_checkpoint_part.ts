import { WeightsError } from "../core/errors.ts";
import type { Weights } from "./weights.ts";

/** One network of a checkpoint: names and shapes of the tensors under a prefix. */
export interface CheckpointPart {
  /** Whether it has a tensor. */
  has(name: string): boolean;
  /** The shape of a tensor that it must have. */
  shape(name: string): readonly number[];
}

/** Looks at the tensors under a prefix; `network` is what errors call them. */
export function checkpointPart(weights: Weights, prefix: string, network: string): CheckpointPart {
  return {
    has: (name) => weights.info(prefix + name) !== undefined,
    shape(name) {
      const info = weights.info(prefix + name);
      if (info !== undefined) return info.shape;
      throw new WeightsError(`Cannot open checkpoint: its ${network} has no tensor "${prefix}${name}".`);
    },
  };
}

/** How many whole numbers from 0 on satisfy a condition without a gap. */
export function count(holds: (index: number) => boolean): number {
  let index = 0;
  while (holds(index)) index++;
  return index;
}
