/**
 * How safetensors files name the parts of encoded tensors: the one place that knows. A reader makes each a tensor with an
 * encoding, a writer takes it apart again. What a file says of an encoding that is not known is refused: codes without
 * their scales are numbers too, and give noise in silence.
 */
import { scaleCount } from "./_decode.ts";
import { saidFormats } from "./_said_formats.ts";
import { isFloat } from "./dtype.ts";
import { encodingParts } from "./encoding.ts";
import { HeaderProblem } from "./_safetensors_header.ts";
import type { ScaledEncoding, WeightEncoding, WeightInfo, WeightPart, Weights } from "./weights.ts";

/**
 * A file's tensors, with those that only say how others are encoded taken into them:
 *
 * - `NAME` in I8 with `NAME.scale`, one a row, as this SDK writes;
 * - `MODULE.weight` with `MODULE.scale_weight` or `MODULE.weight_scale`, one for all or one a row, as ComfyUI and
 *   NVIDIA's tools write for float8, with their markers `scaled_fp8` and `MODULE.comfy_quant`.
 *
 * Scales of activations, `MODULE.scale_input` or `MODULE.input_scale`, are of no use here and left out.
 *
 * @throws {HeaderProblem} If there is an encoding that is not known, or scales are not as many as they should be.
 */
export async function withEncodings<
  T extends Weights & { readonly metadata?: Readonly<Record<string, string>> },
>(
  file: T,
): Promise<T> {
  const formats = await saidFormats(file);
  const all = new Set(file.names());
  const encodings = new Map<string, WeightEncoding>();
  const inner = new Set([...all].filter((name) => /(?:^|\.)(?:scaled_fp8|comfy_quant)$/.test(name)));
  for (const name of all) {
    const info = file.info(name)!;
    const module = name.match(/^(.*)\.weight$/)?.[1];
    const scale = scaleOf(file, name, info, module);
    if (scale !== undefined) {
      encodings.set(name, scaled(file, name, info, scale));
      inner.add(scale);
    }
    if (module === undefined) continue;
    for (const unused of [`${module}.scale_input`, `${module}.input_scale`]) {
      if (all.has(unused)) inner.add(unused);
    }
    const format = formats.get(module);
    if (format !== undefined && scale === undefined) {
      throw new HeaderProblem(`"${module}" says that it is ${format}, and has no "${module}.weight_scale"`);
    }
  }
  refuseUnknown(file, all, inner);
  if (inner.size === 0) return file;
  const own = new Set([...all].filter((name) => !inner.has(name)));
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
    for (const part of encodingParts(encoding).values()) yield { name: scaleName(name, info), ...part };
  }
}

/** The name of a tensor's scales, where it has some. */
function scaleOf(
  file: Weights,
  name: string,
  { dtype }: WeightInfo,
  module: string | undefined,
): string | undefined {
  const own = `${name}.scale`;
  const names = [
    ...dtype === "I8" ? [own] : [],
    ...module === undefined ? [] : [`${module}.scale_weight`, `${module}.weight_scale`],
  ].filter((scale) => file.info(scale) !== undefined);
  if (names.length > 1) throw new HeaderProblem(`tensor "${name}" has several scales: ${names.join(", ")}`);
  return names[0];
}

function scaled(file: Weights, name: string, info: WeightInfo, scaleName: string): ScaledEncoding {
  const scale = file.info(scaleName)!;
  const count = scale.shape.reduce((product, size) => product * size, 1);
  if (!isFloat(scale.dtype)) {
    throw new HeaderProblem(`the scales "${scaleName}" are ${scale.dtype}, expected floating-point numbers`);
  }
  if (!isFloat(info.dtype) && info.dtype !== "I8") {
    throw new HeaderProblem(`tensor "${name}" is ${info.dtype} and has scales, expected float8 or I8`);
  }
  const encoding: ScaledEncoding = {
    kind: "scaled",
    ...(count > 1 || info.dtype === "I8" && scaleName === `${name}.scale`) && { axis: 0 },
    scale: partOf(file, scaleName, scale),
  };
  const wanted = scaleCount(info, encoding);
  if (count !== wanted || scale.shape.slice(1).some((size) => size !== 1)) {
    throw new HeaderProblem(
      `tensor "${name}" has ${count} scales, [${scale.shape}] in "${scaleName}", expected ${
        encoding.axis === undefined ? "one" : `${wanted}, one a row`
      }`,
    );
  }
  return encoding;
}

/**
 * Refuses what stands beside codes and is not known. A weight of 8 bits or packed integers is codes; a bias of a layer,
 * and layers below it, are no matter of its encoding.
 */
function refuseUnknown(file: Weights, all: ReadonlySet<string>, known: ReadonlySet<string>): void {
  for (const name of all) {
    const [, module, leaf] = name.match(/^(.+?)\.(weight[_.][\w.]+|\w*(?:scale|qzeros|absmax|biases)\w*)$/) ??
      [];
    if (module === undefined || known.has(name)) continue;
    const weight = file.info(`${module}.weight`) ?? file.info(module);
    if (weight === undefined || !isCode(weight)) continue;
    throw new HeaderProblem(
      `"${name}" stands beside "${module}.weight" in ${weight.dtype}, and what "${leaf}" says of it is not known`,
    );
  }
}

function isCode({ dtype }: WeightInfo): boolean {
  return ["F8_E4M3", "F8_E5M2", "I8", "U8", "I32", "U32"].includes(dtype);
}

function partOf(file: Weights, name: string, info: WeightInfo): WeightPart {
  return { ...info, read: () => file.read(name) };
}

/** Float8 as ComfyUI names it, which others read; 8 bits as ever. */
function scaleName(name: string, { dtype }: Pick<WeightInfo, "dtype">): string {
  return dtype !== "I8" && name.endsWith(".weight") ? `${name}_scale` : `${name}.scale`;
}
