/** Backends with one mistake each fail the check for it. */
import assert from "node:assert/strict";
import type { AnyTensor, Backend, GraphSource, Runner, RunOptions } from "../backends/backend.ts";
import { wasm } from "../backends/wasm.ts";
import { BackendUnavailableError } from "../core/errors.ts";
import type { DeviceTensor } from "../core/tensor.ts";
import { memoryWeights } from "../weights/memory.ts";
import type { Weights } from "../weights/weights.ts";
import { backendChecks } from "./backend.ts";

type Outputs = Record<string, AnyTensor>;
type Inputs = Readonly<Outputs>;

/** Changes what a right backend makes. */
type Flaw = (runner: Runner) => Partial<Runner>;

const right = () => wasm({ worker: false, threads: 1 });

/** A backend whose runners have a flaw. */
function runners(flaw: Flaw): Backend {
  return {
    name: "flawed",
    async load(source, options) {
      const runner = await right().load(source, options);
      return {
        inputs: runner.inputs,
        outputs: runner.outputs,
        run: (inputs, options) => runner.run(inputs, options),
        [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
        ...flaw(runner),
      };
    },
  };
}

/** A backend that sees other weights than it is given. */
function weights(change: (weights: Weights, source: GraphSource) => Partial<Weights>): Backend {
  return {
    name: "flawed",
    load: (source, options) =>
      right().load(
        source.kind !== "graph"
          ? source
          : { ...source, weights: { ...source.weights, ...change(source.weights, source) } },
        options,
      ),
  };
}

/** A runner that changes the elements of its results. */
function results(change: (data: Float32Array, call: number) => Float32Array): Flaw {
  let call = 0;
  return (runner) => ({
    async run(inputs, options) {
      const outputs: Outputs = await runner.run(inputs, options);
      for (const [name, tensor] of Object.entries(outputs)) {
        if ("data" in tensor) {
          outputs[name] = { ...tensor, data: change(tensor.data as Float32Array, call++) };
        }
      }
      return outputs;
    },
  });
}

/** A runner that is called in another way than it was asked to. */
function calls(change: (inputs: Inputs, options: RunOptions) => readonly [Inputs, RunOptions]): Flaw {
  return (runner) => ({ run: (inputs, options = {}) => runner.run(...change(inputs, options)) });
}

/** The mistakes, and the check that must fail for each. */
const flaws: Readonly<Record<string, readonly [fails: string, create: () => Backend]>> = {
  "is 0.1 % off": ["computes softmax", () => runners(results((data) => data.map((value) => value * 1.001)))],
  "returns NaN": ["computes add (broadcast)", () => runners(results((data) => data.with(0, NaN)))],
  "takes bfloat16 for float16": [
    "reads weights of every type",
    () => weights((w) => ({ info: (name) => retyped(w.info(name)) })),
  ],
  "forgets the scales": [
    "holds weights in 8 bits",
    () =>
      weights((w) => ({
        info(name) {
          const info = w.info(name);
          if (info?.encoding?.kind !== "scaled") return info;
          const { encoding } = info;
          const read = async () => ones(await encoding.scale.read());
          return { ...info, encoding: { ...encoding, scale: { ...encoding.scale, read } } };
        },
      })),
  ],
  "takes any precision for float32": [
    "says its precisions and refuses others",
    () => ({ name: "flawed", load: (source, { dtype: _, ...rest } = {}) => right().load(source, rest) }),
  ],
  "takes missing weights for zeros": [
    "names weights that are missing or of another kind",
    () =>
      weights((w, { graph }) => [...w.names()].length > 0 ? {} : zeros(graph.weights.map(({ key }) => key))),
  ],
  "renames its ports": [
    "names its inputs and outputs",
    () => runners(({ inputs }) => ({ inputs: inputs.map((port) => ({ ...port, name: `${port.name}_0` })) })),
  ],
  "forgets promised sizes": [
    "takes sizes that change, and holds promised ones",
    () => ({ name: "flawed", load: (source) => right().load(source) }),
  ],
  "takes its inputs away": [
    "converts inputs and leaves them as they were",
    () =>
      runners(calls((inputs, options) => [structuredClone(inputs, { transfer: buffers(inputs) }), options])),
  ],
  "writes into old outputs": [
    "gives outputs away for good",
    () => {
      const shared = new Float32Array(64);
      return runners(results((data) => {
        shared.set(data);
        return shared.subarray(0, data.length);
      }));
    },
  ],
  "ignores keep": [
    "keeps outputs on the device",
    () => runners(calls((inputs, { keep: _, ...options }) => [inputs, options])),
  ],
  "answers the last call first": ["serves calls in their order", () => runners(lastFirst)],
  "mixes up its callers": [
    "serves calls in their order",
    () => {
      let latest: Inputs = {};
      return runners((runner) => ({
        run: async (inputs, options) => {
          latest = inputs;
          await Promise.resolve();
          return await runner.run(latest, options);
        },
      }));
    },
  ],
  "ignores unknown inputs": [
    "names the caller's mistakes and survives them",
    () => runners(calls(({ z: _, ...inputs }, options) => [inputs, options])),
  ],
  "blames itself for the caller's mistakes": [
    "names the caller's mistakes and survives them",
    () =>
      runners((runner) => ({
        run: (inputs, options) =>
          runner.run(inputs, options).catch((cause) => {
            throw new BackendUnavailableError("Something failed.", { cause });
          }),
      })),
  ],
  "is deaf to signals": [
    "stops at signals",
    () => runners(calls((inputs, { keep = [] }) => [inputs, { keep }])),
  ],
  "outlives its disposal": [
    "is disposed once and for all",
    () => runners(() => ({ [Symbol.asyncDispose]: async () => {} })),
  ],
  "ends kept tensors with their runner": ["is disposed once and for all", () => runners(shortLived)],
};

for (const [mistake, [property, create]] of Object.entries(flaws)) {
  Deno.test(`a backend that ${mistake} fails "${property}"`, async () => {
    const checks = backendChecks({ name: "flawed", create, sources: ["graph", "onnx"] });
    const check = checks.find(({ name }) => name === `flawed ${property}`);
    assert.ok(check, "there is no such check");
    await assert.rejects(() => check.run());
  });
}

Deno.test("a backend that runs what it says it lacks fails", async () => {
  const checks = backendChecks({ name: "right", create: right, operators: ["add"], sources: ["graph"] });
  const failed = await Array.fromAsync(checks, ({ name, run }) => run().then(() => "", () => name));
  assert.ok(failed.includes("right refuses gelu"));
  assert.ok(failed.includes("right refuses other kinds of source"), "it runs ONNX models too");
});

Deno.test("a check that is skipped must exist", () => {
  const skip = [{ reason: "a slip of the pen", tests: ["computes geLU"] }];
  assert.throws(() => backendChecks({ name: "right", create: right, skip }), /computes geLU/);
});

function retyped(info: ReturnType<Weights["info"]>): ReturnType<Weights["info"]> {
  return info?.dtype === "BF16" ? { ...info, dtype: "F16" } : info;
}

function ones(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Float32Array(bytes.length / 4).fill(1).buffer);
}

function zeros(keys: readonly string[]): Weights {
  const tensor = { dtype: "F32", shape: [3], data: new Float32Array(3) } as const;
  return memoryWeights(Object.fromEntries(keys.map((key) => [key, tensor])));
}

function buffers(inputs: Inputs): ArrayBuffer[] {
  return Object.values(inputs).flatMap((tensor) =>
    "data" in tensor ? [tensor.data.buffer as ArrayBuffer] : []
  );
}

/** Serves the calls of one moment in the wrong order. */
function lastFirst(runner: Runner): Partial<Runner> {
  const waiting: (() => void)[] = [];
  return {
    async run(inputs, options) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        setTimeout(() => waiting.pop()?.());
      });
      return await runner.run(inputs, options);
    },
  };
}

/** Disposes kept outputs when the runner goes. */
function shortLived(runner: Runner): Partial<Runner> {
  const kept: DeviceTensor[] = [];
  return {
    async run(inputs, options) {
      const outputs = await runner.run(inputs, options);
      for (const tensor of Object.values(outputs)) if ("read" in tensor) kept.push(tensor);
      return outputs;
    },
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      for (const tensor of kept) tensor[Symbol.dispose]();
    },
  };
}
