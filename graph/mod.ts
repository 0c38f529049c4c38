/**
 * The small tensor program that networks are written in, and its ONNX writer.
 *
 * @module
 */
export * from "./builder.ts";
export * from "./cost.ts";
export * from "./dimension.ts";
export type * from "./graph.ts";
export * from "./passes/low_rank_ports.ts";
export * from "./passes/residual_ports.ts";
export * from "./rewrite.ts";
export {
  type OperatorSupport,
  type Placement,
  type StoredType,
  writeOnnx,
  type WriteOnnxOptions,
} from "./onnx.ts";
