/** From codes to the values that they stand for. */
import { WeightsError } from "../core/errors.ts";
import { decodeBlocks } from "./_gguf_blocks.ts";
import { toFloat32 } from "./convert.ts";
import type { ScaledEncoding, WeightInfo } from "./weights.ts";

/**
 * The values of a tensor, each rounded to float32 once.
 *
 * @param codes The tensor's bytes as stored.
 * @throws {WeightsError} If its scales are not as many as its encoding wants.
 */
export async function decode(
  name: string,
  info: WeightInfo,
  codes: Uint8Array<ArrayBuffer>,
): Promise<Float32Array<ArrayBuffer>> {
  const { encoding } = info;
  if (encoding !== undefined && encoding.kind !== "scaled") return decodeBlocks(encoding.kind, codes);
  const values = toFloat32(codes, info.dtype);
  if (encoding === undefined) return values;
  const scales = toFloat32(await encoding.scale.read(), encoding.scale.dtype);
  const wanted = scaleCount(info, encoding);
  if (scales.length !== wanted) {
    throw new WeightsError(
      `Cannot read tensor "${name}": it has ${scales.length} scales, expected ${wanted}.`,
    );
  }
  const length = values.length / wanted;
  scales.forEach((scale, row) => {
    for (let i = row * length; i < (row + 1) * length; i++) values[i]! *= scale;
  });
  return values;
}

/** How many scales there must be: one for the tensor, or one a row of the first dimension. */
export function scaleCount({ shape }: Pick<WeightInfo, "shape">, { axis }: ScaledEncoding): number {
  return axis === undefined ? 1 : shape[axis] ?? 0;
}
