/**
 * Sizes of encoded tensors.
 *
 * @module
 */
import type { WeightEncoding, WeightInfo, WeightPart } from "./weights.ts";

/** What an encoded tensor keeps apart from its codes, by what it is to them. */
export function encodingParts(encoding: WeightEncoding | undefined): ReadonlyMap<"scale", WeightPart> {
  return new Map(encoding?.kind === "scaled" ? [["scale", encoding.scale]] : []);
}

/** Size of a tensor as stored, in bytes, with its scales. */
export function storedBytes({ byteLength, encoding }: WeightInfo): number {
  return [...encodingParts(encoding).values()].reduce((sum, part) => sum + part.byteLength, byteLength);
}
