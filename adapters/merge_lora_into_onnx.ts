/**
 * LoRA merged into somebody's ONNX model. Exporters drop the names of linear layers' weights (`onnx::MatMul_1234`),
 * but the node's name, `/down_blocks.0/attentions.0/…/attn1/to_q/MatMul`, still says which module it is.
 *
 * @module
 */
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { decodeModel, onnxTypes, type TensorProto } from "../graph/onnx_proto.ts";
import { toFloat16, toFloat32 } from "../weights/convert.ts";
import { type ActiveLayer, activeLayers } from "./_active_layers.ts";
import { addChanges, transposed } from "./_matrices.ts";
import { findOnnxWeights, type OnnxWeight } from "./_onnx_weights.ts";
import type { ActiveLora, LoraTarget } from "./lora.ts";
import type { ModuleShapes } from "./lora_modules.ts";

/** An ONNX model in memory. */
export interface OnnxModel {
  /** The `.onnx` file. */
  readonly model: Uint8Array;
  /** Files of external data by the location that the model names, as `model.onnx_data`. */
  readonly externalData?: readonly { readonly location: string; readonly data: Uint8Array }[];
}

/**
 * The modules of an ONNX model whose weights can be told, for {@linkcode readLora}. A model that was optimised for
 * one runtime (fused attention) or written by PyTorch's newer exporter has none, or few.
 *
 * @example
 * ```ts ignore
 * const model = await Deno.readFile("unet/model.onnx");
 * const lora = await readLora(file, { unet: onnxModules(model) }, { strict: false });
 * ```
 */
export function onnxModules(model: Uint8Array): ModuleShapes {
  const weights = findOnnxWeights(decodeModel(model));
  return new Map([...weights].map(([module, { shape }]) => [module, shape]));
}

/**
 * Merges LoRAs into the bytes of an ONNX model, in place: W + Σ scale · ΔW, in the type in which the model has it.
 * The model's structure is not touched. Everything is checked before the first byte changes.
 *
 * @param target Which network the model is.
 * @throws {WeightsError} If a LoRA changes a module that the model does not have, or external data are missing.
 * @throws {UnsupportedModelError} If a weight is stored in a type other than float32 and float16.
 *
 * @example
 * ```ts ignore
 * const onnx = {
 *   model: await Deno.readFile("unet/model.onnx"),
 *   externalData: [{ location: "model.onnx_data", data: await Deno.readFile("unet/model.onnx_data") }],
 * };
 * mergeLoraIntoOnnx(onnx, "unet", [{ lora, scale: 0.8 }]);
 * const runner = await backend.load({ kind: "onnx", ...onnx });
 * ```
 */
export function mergeLoraIntoOnnx(onnx: OnnxModel, target: LoraTarget, loras: readonly ActiveLora[]): void {
  const weights = findOnnxWeights(decodeModel(onnx.model));
  const changes = [...activeLayers(loras, target)].map(([module, layers]) => {
    const weight = weights.get(module);
    if (weight === undefined) {
      throw new WeightsError(
        `Cannot merge LoRA: the ONNX model has no weight that can be told to be "${module}".`,
      );
    }
    if (layers.some(({ bias }) => bias !== undefined)) {
      throw new UnsupportedModelError(
        `Cannot merge LoRA: it changes the bias of "${module}", which is not told in ONNX models, expected weights alone.`,
      );
    }
    return { weight, layers, bytes: bytesOf(weight.tensor, onnx), dtype: dtypeOf(weight.tensor) };
  });
  for (const { weight, layers, bytes, dtype } of changes) {
    const merged = changed(toFloat32(new Uint8Array(bytes), dtype), weight, layers);
    const { buffer, byteOffset, byteLength } = dtype === "F16" ? toFloat16(merged) : merged;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

/** A weight with its changes, lying as it was. */
function changed(
  data: Float32Array,
  { shape, transposed: lies }: OnnxWeight,
  layers: readonly ActiveLayer[],
): Float32Array {
  if (!lies) {
    addChanges(data, layers);
    return data;
  }
  const weight = transposed({ data, shape: shape.toReversed() });
  addChanges(weight.data, layers);
  return transposed(weight).data;
}

/** The bytes of a tensor where they are: the decoder gives views of the model, not copies. */
function bytesOf(
  { name, rawData, externalData = [] }: TensorProto,
  { model, externalData: files = [] }: OnnxModel,
): Uint8Array {
  if (rawData !== undefined && rawData.buffer === model.buffer) return rawData;
  const field = (key: string) => externalData.find((entry) => entry.key === key)?.value;
  const location = field("location");
  const file = files.find((file) => file.location === location);
  if (location === undefined || file === undefined) {
    const wanted = location === undefined ? "raw or external data" : `the external data "${location}"`;
    throw new WeightsError(`Cannot merge LoRA: the elements of "${name}" are not there, expected ${wanted}.`);
  }
  const offset = Number(field("offset") ?? 0);
  const length = Number(field("length") ?? file.data.length - offset);
  if (offset + length > file.data.length) {
    throw new WeightsError(
      `Cannot merge LoRA: "${location}" has ${file.data.length} bytes, but "${name}" ends at ${
        offset + length
      }.`,
    );
  }
  return file.data.subarray(offset, offset + length);
}

function dtypeOf({ name, dataType }: TensorProto): "F32" | "F16" {
  if (dataType === onnxTypes.float32) return "F32";
  if (dataType === onnxTypes.float16) return "F16";
  throw new UnsupportedModelError(
    `Cannot merge LoRA: weight "${name}" has ONNX's element type ${dataType}, expected float32 or float16.`,
  );
}
