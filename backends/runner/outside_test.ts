/** Somebody's runtime with a device of its own passes the suite, by public names alone. */
import assert from "node:assert/strict";
import type { DeviceTensor, Tensor } from "../../core/mod.ts";
import type { Node, Operator } from "../../graph/mod.ts";
import { testBackend } from "../../testing/mod.ts";
import type { Backend } from "../mod.ts";
import { layer, layerInput, layerOutput } from "../_testing.ts";
import {
  graphPorts,
  HOST_PRECISIONS,
  openGraph,
  type PortTensor,
  type Session,
  sessionRunner,
} from "./mod.ts";

/** What lies on the device; the host sees it by `read` alone. */
class Buffer implements DeviceTensor {
  constructor(readonly device: Device, readonly shape: readonly number[], public elements?: Float32Array) {}
  // deno-lint-ignore require-await -- what is gone rejects
  async read(): Promise<Tensor> {
    if (this.elements === undefined) throw new TypeError("Cannot read a buffer: it has been disposed.");
    this.device.reads++;
    return { data: this.elements.slice(), shape: this.shape };
  }
  [Symbol.dispose](): void {
    delete this.elements;
  }
}

class Device implements Backend {
  readonly name = "device";
  readonly precisions = HOST_PRECISIONS;
  reads = 0;

  async load(
    source: Parameters<Backend["load"]>[0],
    { dtype, dimensions, signal }: Parameters<Backend["load"]>[1] = {},
  ) {
    signal?.throwIfAborted();
    const { graph, weights } = openGraph(source, { backend: "device", operators, dtype, type: "float16" });
    const constants = new Map<string, Buffer>();
    for await (const [name, tensor] of weights()) constants.set(name, this.upload(tensor));
    for (const { name, type, data, shape } of graph.constants) {
      constants.set(name, this.upload({ type, data, dims: shape }));
    }
    const session: Session = {
      ...graphPorts(graph, dimensions),
      accepts: (tensor) =>
        tensor instanceof Buffer && tensor.device === this && tensor.elements !== undefined,
      // deno-lint-ignore require-await
      run: async (feeds, keep) => {
        const values = new Map(constants);
        for (const [name, feed] of Object.entries(feeds)) {
          values.set(name, feed instanceof Buffer ? feed : this.upload(feed as PortTensor));
        }
        for (const node of graph.nodes) {
          values.set(
            node.outputs[0]!.name,
            compute(node, node.inputs.flatMap((value) => value ? [values.get(value.name)!] : []), this),
          );
        }
        const output = (name: string, { shape, elements }: Buffer) =>
          keep.has(name)
            ? new Buffer(this, shape, elements)
            : { type: "float32", data: elements!.slice(), dims: shape };
        return Object.fromEntries(graph.outputs.map(({ name }) => [name, output(name, values.get(name)!)]));
      },
      release: () => Promise.resolve(constants.clear()),
    };
    return sessionRunner(session, { name: graph.name });
  }

  upload({ type, data, dims }: PortTensor): Buffer {
    const elements = type === "float16" ? new Float16Array((data as Uint16Array).buffer) : data;
    return new Buffer(this, dims, Float32Array.from<number | bigint>(elements as Float32Array, Number));
  }
}

const operators: readonly Operator[] = ["add", "multiply", "cast", "linear"];

/** Where a shape ends like the other's, its elements are repeated. */
function compute({ operator }: Node, [a, b, c]: readonly Buffer[], device: Device): Buffer {
  const [x, y] = [a!.elements!, b?.elements ?? a!.elements!];
  if (operator === "linear") {
    const [out, into] = b!.shape as [number, number];
    const elements = Float32Array.from({ length: x.length / into * out }, (_, i) => {
      const [row, column] = [Math.floor(i / out) * into, i % out * into];
      return y.slice(column, column + into).reduce(
        (sum, w, k) => sum + w * x[row + k]!,
        c?.elements?.[i % out] ?? 0,
      );
    });
    return new Buffer(device, [...a!.shape.slice(0, -1), out], elements);
  }
  const [length, shape] = x.length >= y.length ? [x.length, a!.shape] : [y.length, b!.shape];
  const of = {
    add: (p: number, q: number) => p + q,
    multiply: (p: number, q: number) => p * q,
    cast: (p: number) => p,
  };
  const elements = Float32Array.from(
    { length },
    (_, i) => of[operator as keyof typeof of](x[i % x.length]!, y[i % y.length]!),
  );
  return new Buffer(device, shape, elements);
}

// It asks for weights in float16, which have 11 bits.
testBackend(
  { name: "a backend from outside", create: () => new Device(), operators, tolerance: 2 ** -10 },
  Deno.test,
);

Deno.test("kept outputs go from one program of a device to the next without being read", async () => {
  const device = new Device();
  await using runner = await device.load(layer());
  const { y } = await runner.run(layerInput, { keep: ["y"] });
  await using wider = await device.load(layer());
  assert.equal(device.reads, 0);
  assert.deepEqual(await (y as DeviceTensor).read(), layerOutput["y"]);
  assert.equal(device.reads, 1);
  await assert.rejects(wider.run({ x: y! }), /expected \[rows,3\]/);
  assert.equal(device.reads, 1);
});

Deno.test("a session that is lost is opened again where it can be, and named where not", async () => {
  const port = { name: "x", dtype: "float32", shape: ["n"] };
  let opened = 0;
  const open = (): Promise<Session> => {
    let lost = false;
    opened++;
    return Promise.resolve({
      inputs: [port],
      outputs: [{ ...port, name: "y" }],
      run: ({ x }) => {
        lost = true;
        return Promise.resolve({ y: x! });
      },
      isLost: () => lost,
      release: () => Promise.resolve(),
    });
  };
  const x = { data: Float32Array.of(1), shape: [1] };
  await using again = sessionRunner(await open(), { name: "again", open });
  await again.run({ x });
  assert.deepEqual((await again.run({ x }))["y"], x);
  assert.equal(opened, 2);
  await using once = sessionRunner(await open(), { name: "once" });
  await once.run({ x });
  await assert.rejects(once.run({ x }), {
    name: "BackendUnavailableError",
    message: /^Cannot run once: its session was lost/,
  });
});
