// A backend of one's own, checked as the SDK's are: deno run examples/own_backend.ts
import type { Backend } from "@mobile-diffusion/sdk/backends";
import { HOST_PRECISIONS, hostRunner, readGraph } from "@mobile-diffusion/sdk/backends/runner";
import { sizeOf, type Tensor, type TensorData } from "@mobile-diffusion/sdk/core";
import type { Node, Operator, Value } from "@mobile-diffusion/sdk/graph";
import { backendChecks } from "@mobile-diffusion/sdk/testing";

type Rule = (node: Node, inputs: readonly Tensor[]) => Tensor;

/** An element-wise operation; where a shape ends like the other's, its elements are repeated. */
const elementwise = (f: (a: number, b: number) => number): Rule => (_, [a, b = a]) => {
  const shape = sizeOf(a!.shape) >= sizeOf(b!.shape) ? a!.shape : b!.shape;
  const at = (x: Tensor, i: number) => Number(x.data[i % x.data.length]);
  return { data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => f(at(a!, i), at(b!, i))), shape };
};

const rules: Partial<Record<Operator, Rule>> = {
  add: elementwise((a, b) => a + b),
  multiply: elementwise((a, b) => a * b),
  silu: elementwise((a) => a / (1 + Math.exp(-a))),
  cast: elementwise((a) => a),
  linear(_, [x, weight, bias]) {
    const [out, into] = weight!.shape as [number, number];
    const data = Float32Array.from({ length: x!.data.length / into * out }, (_, i) => {
      let [sum, row, column] = [bias?.data[i % out] ?? 0, Math.floor(i / out) * into, i % out * into];
      for (let k = 0; k < into; k++) sum += x!.data[row++]! * weight!.data[column++]!;
      return sum;
    });
    return { data, shape: [...x!.shape.slice(0, -1), out] };
  },
};
const operators = Object.keys(rules) as Operator[];

/** Interprets graphs of five operators in TypeScript. */
function slow(): Backend {
  return {
    name: "slow",
    precisions: HOST_PRECISIONS,
    async load(source, options) {
      const ready = await readGraph(source, { backend: "slow", operators, dtype: options?.dtype });
      return await hostRunner(ready, (inputs) => {
        const constants = ready.graph.constants.map((constant) => [constant.name, constant] as const);
        const values = new Map<string, Tensor<TensorData>>([
          ...ready.weights,
          ...constants,
          ...Object.entries(inputs),
        ]);
        const find = (value: Value | undefined) => values.get(value!.name) as Tensor;
        for (const node of ready.graph.nodes) {
          values.set(node.outputs[0]!.name, rules[node.operator]!(node, node.inputs.map(find)));
        }
        return Promise.resolve(
          Object.fromEntries(ready.graph.outputs.map((output) => [output.name, find(output)])),
        );
      }, options);
    },
  };
}

const checks = backendChecks({ name: "slow", create: slow, operators });
for (const { run } of checks) await run();
console.log(`${checks.length} checks passed`);
