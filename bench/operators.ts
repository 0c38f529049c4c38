/**
 * The ONNX forms that an operation may take, beside each other at the sizes of Stable Diffusion 1.5's UNet at 64 × 64
 * latents. What is fastest on each provider is what `graph/_lowering.ts` writes.
 *
 * ```sh
 * deno task bench operators           # native
 * deno task bench operators wasm
 * ```
 *
 * One thread, the forms in turn, the best of nine runs of each: ratios hold on a busy machine too. Every form ends in a
 * `Slice` of one row, so that no large output is copied to JavaScript.
 */
import type { Runtime } from "../backends/_onnxruntime.ts";
import { sizeOf } from "../core/tensor.ts";
import { encodeModel, type NodeProto, onnxTypes, type TensorProto } from "../graph/onnx_proto.ts";

const provider = Deno.args[0] ?? "native";
const runtime: Runtime =
  await (provider === "native" ? import("onnxruntime-node") : import("onnxruntime-web"));
if (provider !== "native") runtime.env.wasm.numThreads = 1;

/** A form: nodes that end in `y`, and the constants that they name. */
interface Form {
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
}

const floats = new Set(["alpha", "epsilon"]);
const microsoft = new Set(["FusedMatMul", "QuickGelu", "MultiHeadAttention"]);

function node(
  opType: string,
  input: readonly string[],
  output: string | readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) =>
    typeof value !== "number"
      ? { name, type: 7, ints: value }
      : floats.has(name)
      ? { name, type: 1, f: value }
      : { name, type: 2, i: value }
  );
  const domain = microsoft.has(opType) ? "com.microsoft" : "";
  return { opType, domain, name: `${opType}:${output}`, input, output: [output].flat(), attribute };
}

function constant(name: string, dims: readonly number[], value?: number): TensorProto {
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, i) => value ?? Math.sin(1 + 1.7 * i));
  return { name, dims, dataType: onnxTypes.float32, rawData: new Uint8Array(data.buffer) };
}

function integers(name: string, values: readonly number[]): TensorProto {
  const data = BigInt64Array.from(values, BigInt);
  return { name, dims: [values.length], dataType: onnxTypes.int64, rawData: new Uint8Array(data.buffer) };
}

/** Prints the best time of each form, and over the first one's. */
async function compare(
  title: string,
  inputs: Readonly<Record<string, readonly number[]>>,
  forms: Readonly<Record<string, Form>>,
): Promise<void> {
  const runs = await Promise.all(Object.values(forms).map((form) => prepare(form, inputs)));
  const best = runs.map(() => Infinity);
  for (let i = 0; i < 10; i++) {
    for (const [form, run] of runs.entries()) {
      const start = performance.now();
      await run();
      if (i > 0) best[form] = Math.min(best[form]!, performance.now() - start);
    }
  }
  for (const [i, name] of Object.keys(forms).entries()) {
    const ratio = (best[i]! / best[0]!).toFixed(2);
    console.log(
      `${title.padEnd(34)} ${name.padEnd(38)} ${best[i]!.toFixed(1).padStart(8)} ms ${ratio.padStart(6)}`,
    );
  }
}

async function prepare(
  { nodes, constants }: Form,
  inputs: Readonly<Record<string, readonly number[]>>,
): Promise<() => Promise<unknown>> {
  const port = ([name, shape]: [string, readonly number[]]) => ({
    name,
    type: {
      tensorType: { elemType: onnxTypes.float32, shape: { dim: shape.map((dimValue) => ({ dimValue })) } },
    },
  });
  const bounds = [integers("from", [0]), integers("to", [1]), integers("last", [-1])];
  const model = encodeModel({
    irVersion: 10,
    opsetImport: [{ version: 21 }, { domain: "com.microsoft", version: 1 }],
    graph: {
      name: "form",
      node: [...nodes, node("Slice", ["y", "from", "to", "last"], "row")],
      initializer: [...constants, ...bounds],
      input: Object.entries(inputs).map(port),
      output: [{ name: "row", type: { tensorType: { elemType: onnxTypes.float32 } } }],
    },
  });
  const session = await runtime.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i));
      return [name, new runtime.Tensor("float32", data, shape)];
    }),
  );
  return () => session.run(feeds);
}

for (
  const [tokens, from, to] of [[4096, 320, 320], [4096, 320, 2560], [1024, 640, 5120], [
    256,
    1280,
    10240,
  ]] as const
) {
  const constants = [constant("w", [to, from]), constant("b", [to])];
  await compare(`linear ${tokens} × ${from} → ${to}`, { x: [1, tokens, from] }, {
    "FusedMatMul, Add": {
      nodes: [node("FusedMatMul", ["x", "w"], "p", { transB: 1 }), node("Add", ["p", "b"], "y")],
      constants,
    },
    "Transpose, MatMul, Add": {
      nodes: [
        node("Transpose", ["w"], "t", { perm: [1, 0] }),
        node("MatMul", ["x", "t"], "p"),
        node("Add", ["p", "b"], "y"),
      ],
      constants,
    },
    "Reshape, Gemm, Reshape": {
      nodes: [
        node("Reshape", ["x", "flat"], "r"),
        node("Gemm", ["r", "w", "b"], "p", { transB: 1 }),
        node("Reshape", ["p", "full"], "y"),
      ],
      constants: [...constants, integers("flat", [-1, from]), integers("full", [1, tokens, to])],
    },
  });
}

for (
  const [queries, keys, width] of [[4096, 4096, 320], [4096, 77, 320], [1024, 1024, 640], [
    256,
    256,
    1280,
  ]] as const
) {
  const split = (name: string, perm: readonly number[]) => [
    node("Reshape", [name, "heads"], `${name}r`),
    node("Transpose", [`${name}r`], `${name}t`, { perm }),
  ];
  await compare(`attention ${queries} × ${keys}, ${width}`, {
    q: [1, queries, width],
    k: [1, keys, width],
    v: [1, keys, width],
  }, {
    MultiHeadAttention: {
      nodes: [node("MultiHeadAttention", ["q", "k", "v"], "y", { num_heads: 8 })],
      constants: [],
    },
    "MatMul, Softmax, MatMul": {
      nodes: [
        ...split("q", [0, 2, 1, 3]),
        ...split("k", [0, 2, 3, 1]),
        ...split("v", [0, 2, 1, 3]),
        node("Mul", ["qt", "scale"], "qs"),
        node("MatMul", ["qs", "kt"], "s"),
        node("Softmax", ["s"], "p", { axis: -1 }),
        node("MatMul", ["p", "vt"], "m"),
        node("Transpose", ["m"], "mt", { perm: [0, 2, 1, 3] }),
        node("Reshape", ["mt", "joined"], "y"),
      ],
      constants: [
        integers("heads", [0, 0, 8, -1]),
        integers("joined", [0, 0, -1]),
        constant("scale", [], Math.sqrt(8 / width)),
      ],
    },
  });
}

for (const [channels, side] of [[320, 64], [640, 64], [1280, 32], [2560, 16]] as const) {
  const instance = [
    node("Reshape", ["x", "groups"], "r"),
    node("InstanceNormalization", ["r", "ones", "zeros"], "n", { epsilon: 1e-5 }),
    node("Shape", ["x"], "shape"),
    node("Reshape", ["n", "shape"], "full"),
  ];
  const grouped = [integers("groups", [0, 32, -1]), constant("ones", [32], 1), constant("zeros", [32], 0)];
  const flat = [constant("w", [channels]), constant("b", [channels])];
  await compare(`group norm ${channels} × ${side}²`, { x: [1, channels, side, side] }, {
    "InstanceNormalization, BatchNormalization": {
      nodes: [
        ...instance,
        node("BatchNormalization", ["full", "w", "b", "mean", "variance"], "y", { epsilon: 0 }),
      ],
      constants: [...grouped, ...flat, constant("mean", [channels], 0), constant("variance", [channels], 1)],
    },
    "InstanceNormalization, Mul, Add": {
      nodes: [...instance, node("Mul", ["full", "w"], "m"), node("Add", ["m", "b"], "y")],
      constants: [...grouped, constant("w", [channels, 1, 1]), constant("b", [channels, 1, 1])],
    },
    GroupNormalization: {
      nodes: [node("GroupNormalization", ["x", "w", "b"], "y", { num_groups: 32, epsilon: 1e-5 })],
      constants: flat,
    },
  });
  await compare(`SiLU ${channels} × ${side}²`, { x: [1, channels, side, side] }, {
    QuickGelu: { nodes: [node("QuickGelu", ["x"], "y", { alpha: 1 })], constants: [] },
    "Sigmoid, Mul": { nodes: [node("Sigmoid", ["x"], "s"), node("Mul", ["x", "s"], "y")], constants: [] },
  });
}
