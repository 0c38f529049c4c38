/** Checks of what a backend loads: weights of all types, and the kinds of source that it says it runs. */
import type { LoadOptions, OnnxSource, PartSource } from "../backends/backend.ts";
import { encodeModel, type ModelProto, onnxTypes } from "../graph/onnx_proto.ts";
import { hasPrecision, PRECISION_NAMES } from "../backends/precision.ts";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";
import { quantised } from "../weights/quantise.ts";
import { check } from "./_sampler_world.ts";
import type { OperatorCase } from "./_backend_operators.ts";
import {
  type BackendSuite,
  checkEqual,
  checkRejects,
  doubling,
  host,
  ramp,
  source,
  weight,
  withRunner,
} from "./_backend_world.ts";

const x = ramp(2, 3);

/** An operator gives its known answer; one that the backend does not claim is refused when it is loaded. */
export async function operator(
  suite: BackendSuite,
  { operator, write, weights, inputs, expected }: OperatorCase,
  options?: LoadOptions,
): Promise<void> {
  const program = source((g) => ({ y: write(g) }), weights);
  if (!suite.operators.includes(operator)) {
    const load = async () => (await suite.create()).load(program);
    return await checkRejects(load, "UnsupportedModelError", operator);
  }
  const tolerance = options?.dtype === "float16" ? Math.max(suite.tolerance, halfTolerance) : suite.tolerance;
  await withRunner(suite, program, async (runner) => {
    checkEqual(host((await runner.run(inputs)).y), expected, tolerance);
  }, options);
}

/** Half precision has 11 bits, so each of a case's few operations adds 2⁻¹¹ or less. */
const halfTolerance = 4 * 2 ** -11;

/** Weights of every floating-point type of the format, all holding 1, −2, 0.5. */
export async function weightTypes(suite: BackendSuite): Promise<void> {
  const types: Readonly<Record<string, MemoryTensor["data"]>> = {
    F64: Float64Array.of(1, -2, 0.5),
    F32: Float32Array.of(1, -2, 0.5),
    F16: Uint16Array.of(0x3c00, 0xc000, 0x3800),
    BF16: Uint16Array.of(0x3f80, 0xc000, 0x3f00),
    F8_E4M3: Uint8Array.of(0x38, 0xc0, 0x30),
    F8_E5M2: Uint8Array.of(0x3c, 0xc0, 0x38),
  };
  for (const [dtype, data] of Object.entries(types)) {
    const stored = { dtype: dtype as MemoryTensor["dtype"], shape: [3], data };
    await withRunner(suite, scaling(stored), async (runner) => {
      const expected = { data: x.data.map((value, i) => value * [1, -2, 0.5][i % 3]!), shape: x.shape };
      checkEqual(host((await runner.run({ x })).y), expected, suite.tolerance);
    });
  }
}

/** Weights in 8 bits: the tensor's rows each with their scale. */
export async function eightBits(suite: BackendSuite): Promise<void> {
  const exact = {
    "it.weight": { dtype: "F32", shape: [2, 3], data: Float32Array.of(127, -64, 1, 0.5, 63.5, -0.5) },
  } as const;
  const program = source((g) => ({
    y: g.linear("it", g.input("x", "float32", ["rows", 3]), 2, { bias: false }),
  }));
  const weights = quantised(memoryWeights(exact), { select: () => true });
  const [a, b] = [[127, -64, 1], [0.5, 63.5, -0.5]] as const;
  const dot = (row: number, w: readonly number[]) =>
    w.reduce((sum, value, i) => sum + value * x.data[3 * row + i]!, 0);
  const expected = { data: Float32Array.of(dot(0, a), dot(0, b), dot(1, a), dot(1, b)), shape: [2, 2] };
  for (const options of [{}, { dtype: "int8" }, { dtype: "float32" }] as const) {
    await withRunner(suite, { ...program, weights }, async (runner) => {
      checkEqual(host((await runner.run({ x })).y), expected, suite.tolerance);
    }, options);
  }
}

/** What a backend claims it loads; what it does not have it refuses, naming itself and what was asked. */
export async function precisions(suite: BackendSuite): Promise<void> {
  const backend = await suite.create();
  for (const dtype of PRECISION_NAMES) {
    const { name, precisions: said = suite.dtypes } = backend;
    const has = suite.dtypes.includes(dtype);
    if (has) {
      check(hasPrecision(said, dtype), () => `${name} lacks ${dtype} in its "precisions".`);
      await withRunner(suite, doubling(), () => Promise.resolve(), { dtype });
    } else if (!hasPrecision(said, dtype)) {
      await checkRejects(() => backend.load(doubling(), { dtype }), "UnsupportedModelError", name, dtype);
    }
  }
}

/** Weights that are not those of the graph are named. */
export async function wrongWeights(suite: BackendSuite): Promise<void> {
  const backend = await suite.create();
  await checkRejects(() => backend.load(scaling()), "WeightsError", '"it.weight"');
  await checkRejects(() => backend.load(scaling(weight(4))), "WeightsError", '"it.weight"', "[4]", "[3]");
  const counts = { dtype: "I64", shape: [3], data: new BigInt64Array(3) } as const;
  await checkRejects(() => backend.load(scaling(counts)), "WeightsError", '"it.weight"', "I64");
}

function scaling(stored?: MemoryTensor): PartSource {
  const write = (g: Parameters<Parameters<typeof source>[0]>[0]) => ({
    y: g.multiply("it", g.input("x", "float32", ["rows", 3]), g.weight("it.weight", [3])),
  });
  return source(write, stored === undefined ? {} : { "it.weight": stored });
}

/** Somebody's model: external data, ports of another type, and an operator that nobody has. */
export async function onnx(suite: BackendSuite): Promise<void> {
  const two = suite.dtypes.includes("float16") ? Uint16Array.of(0x4000) : Float32Array.of(2);
  const file = { location: "weights.bin", data: new Uint8Array(two.buffer) };
  await withRunner(suite, { ...onnxDoubling(suite, "Mul"), externalData: [file] }, async (runner) => {
    const { y } = await runner.run({ x: { data: Float32Array.of(1, -2, 0.5), shape: [3] } });
    checkEqual(host(y), { data: Float32Array.of(2, -4, 1), shape: [3] }, suite.tolerance);
    check(file.data.length === two.byteLength, () => "The load took its external data away.");
  });
  const backend = await suite.create();
  await checkRejects(() => backend.load(onnxDoubling(suite, "Mul")), "WeightsError", '"weights.bin"');
  const unknown = { ...onnxDoubling(suite, "GroupNorm"), externalData: [file] };
  await checkRejects(() => backend.load(unknown), "UnsupportedModelError", "GroupNorm");
  await checkRejects(
    () => backend.load({ kind: "onnx", model: Uint8Array.of(1, 2, 3) }),
    "UnsupportedModelError",
  );
}

/** `y = 2·x` in float16 where the backend has it, else in float32; the 2 is external. */
function onnxDoubling({ dtypes }: BackendSuite, opType: string): OnnxSource {
  const type = dtypes.includes("float16") ? "float16" : "float32";
  const port = (name: string) => ({
    name,
    type: { tensorType: { elemType: onnxTypes[type], shape: { dim: [{ dimParam: "n" }] } } },
  });
  const externalData = [{ key: "location", value: "weights.bin" }];
  const model: ModelProto = {
    irVersion: 10,
    opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
    graph: {
      name: "doubling",
      node: [{ opType, domain: opType === "Mul" ? "" : "com.microsoft", input: ["x", "two"], output: ["y"] }],
      initializer: [{ name: "two", dims: [1], dataType: onnxTypes[type], externalData, dataLocation: 1 }],
      input: [port("x")],
      output: [port("y")],
    },
  };
  return { kind: "onnx", model: encodeModel(model) };
}

/** A kind of source that the backend does not run is refused, with those that it does. */
export async function otherSources(suite: BackendSuite): Promise<void> {
  const all: readonly PartSource[] = [doubling(), onnxDoubling(suite, "Mul"), {
    kind: "coreml",
    path: "absent.mlmodelc",
  }];
  const backend = await suite.create();
  for (const program of all.filter(({ kind }) => !suite.sources.includes(kind))) {
    await checkRejects(() => backend.load(program), "UnsupportedModelError");
  }
}
