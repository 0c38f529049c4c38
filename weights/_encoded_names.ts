/**
 * How safetensors files name the parts of encoded tensors: the one place that knows. A reader makes each a tensor with an
 * encoding, a writer takes it apart again.
 */
import { isFloat } from "./dtype.ts";
import { scaleCount } from "./_decode.ts";
import { encodingParts } from "./encoding.ts";
import { HeaderProblem } from "./_safetensors_header.ts";
import type { ScaledEncoding, WeightInfo, WeightPart, Weights } from "./weights.ts";

/**
 * A file's tensors, with those that only say how others are encoded taken into them.
 *
 * @throws {HeaderProblem} If scales are not as many as they should be.
 */
export function withEncodings<T extends Weights>(file: T): T {
  const encodings = new Map<string, ScaledEncoding>();
  const inner = new Set<string>();
  for (const name of file.names()) {
    const info = file.info(name)!;
    const scale = file.info(scaleName(name));
    if (info.dtype !== "I8" || scale === undefined || !isFloat(scale.dtype)) continue;
    const encoding: ScaledEncoding = { kind: "scaled", axis: 0, scale: partOf(file, scaleName(name), scale) };
    const [count, wanted] = [scale.shape.reduce((a, b) => a * b, 1), scaleCount(info, encoding)];
    if (count !== wanted) {
      throw new HeaderProblem(`tensor "${name}" has ${count} scales, expected ${wanted}`);
    }
    encodings.set(name, encoding);
    inner.add(scaleName(name));
  }
  if (encodings.size === 0) return file;
  const names = [...file.names()].filter((name) => !inner.has(name));
  const own = new Set(names);
  return {
    ...file,
    names: () => own,
    info(name) {
      const info = own.has(name) ? file.info(name) : undefined;
      const encoding = encodings.get(name);
      return info === undefined || encoding === undefined ? info : { ...info, encoding };
    },
  };
}

/** A tensor of a file: a weight's codes, or numbers that belong to them. */
export interface FileTensor extends Omit<WeightInfo, "encoding"> {
  readonly name: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The tensors by which a file holds some weights. */
export function* fileTensors(weights: Weights): Generator<FileTensor> {
  for (const name of weights.names()) {
    const { encoding, ...info } = weights.info(name)!;
    yield { name, ...info, read: () => weights.read(name) };
    for (const part of encodingParts(encoding).values()) yield { name: scaleName(name), ...part };
  }
}

function partOf(file: Weights, name: string, info: WeightInfo): WeightPart {
  return { ...info, read: () => file.read(name) };
}

function scaleName(name: string): string {
  return `${name}.scale`;
}
