/**
 * A published UNet at its real size with random weights: load time, peak memory beside what the plan announces and the
 * size of the weights, and one call beside a float32 matrix product through the same runtime.
 *
 * ```sh
 * deno task bench unet                                   # Stable Diffusion 1.5, native, float32; writes 3.4 GB
 * deno task bench unet --model vega --folder /tmp/unets --backend native --dtype int8 --stored F16
 * ```
 *
 * Linux only: the peak is `VmHWM`, what the process had resident at most, files that it has mapped included; of both
 * kinds apart the largest of samples, ten a second.
 */
import { PRECISION_NAMES } from "../backends/precision.ts";
import { backendByName, BACKENDS, dtypeByName } from "../cli/choices.ts";
import { parseArguments } from "../cli/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { estimateMemory } from "../backends/memory_plan.ts";
import { graphCost } from "../graph/cost.ts";
import { evaluate } from "../graph/dimension.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { ssd1b, vega, xl } from "../tests/_xl_configs.ts";
import { memoryWeights, openSafetensors, writeSafetensors } from "../weights/mod.ts";
import { randomWeights, sd15Graph } from "./_sd15.ts";

const graphs = {
  sd15: sd15Graph,
  sdxl: () => unet(readUnetConfig(xl)),
  ssd1b: () => unet(readUnetConfig(ssd1b)),
  vega: () => unet(readUnetConfig(vega)),
} as const;

const given = parseArguments(Deno.args, {
  model: { value: "name", text: "which UNet", choices: Object.keys(graphs), default: "sd15" },
  folder: { value: "folder", text: "where the weights are, or are written", default: "a temporary one" },
  backend: { value: "name", text: "what runs it", choices: BACKENDS, default: "native" },
  dtype: { value: "name", text: "precision", choices: PRECISION_NAMES, default: "float32" },
  stored: { value: "name", text: "how the weights are stored", choices: ["F32", "F16"], default: "F32" },
  size: { value: "number", text: "side of the latent", range: "1 or more", default: "64" },
  measure: { text: "measure in this process, with weights that are there" },
});
const stored = given.text("stored") === "F16" ? "F16" : "F32";
const size = given.number("size") ?? 64;
const model = (given.text("model") ?? "sd15") as keyof typeof graphs;
const graph = graphs[model]();
const free = { rows: 1, height: size, width: size, tokens: 77 };

if (given.flag("measure")) await measure(given.text("folder")!);
else await run();

/** Writes the weights unless they are there, then measures in a process of its own. */
async function run(): Promise<void> {
  const folder = given.text("folder") ?? await Deno.makeTempDir();
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}/${model}_${stored}.safetensors`;
  if (!await Deno.stat(path).then(() => true, () => false)) {
    await writeSafetensors(path, randomWeights(graph, stored));
  }
  const args = ["run", "-A", import.meta.filename!, ...Deno.args, "--folder", folder, "--measure"];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  if (given.text("folder") === undefined) await Deno.remove(folder, { recursive: true });
  Deno.exit(code);
}

async function measure(folder: string): Promise<void> {
  const path = `${folder}/${model}_${stored}.safetensors`;
  const backend = backendByName(given.text("backend") ?? "native");
  const dtype = dtypeByName(given.text("dtype") ?? "float32");
  await using weights = await openSafetensors(path);
  const bytes = (await Deno.stat(path)).size;

  const largest = { RssAnon: 0, RssFile: 0 };
  const watch = setInterval(() => {
    const status = Deno.readTextFileSync("/proc/self/status");
    for (const kind of ["RssAnon", "RssFile"] as const) {
      largest[kind] = Math.max(largest[kind], Number(status.match(`${kind}:\\s+(\\d+) kB`)![1]) * 1024);
    }
  }, 100);
  const [runner, load] = await timed(() => backend.load({ kind: "graph", graph, weights }, { dtype }));
  await using _runner = runner;
  const inputs = Object.fromEntries(graph.inputs.map(({ name, shape }) => [
    name,
    normal(shape.map((dimension) => evaluate(dimension, free))),
  ]));
  const call = () => runner.run(inputs);
  const [, first] = await timed(call);
  const seconds = await best(call);
  const peak = Number((await Deno.readTextFile("/proc/self/status")).match(/VmHWM:\s+(\d+) kB/)![1]) * 1024;

  clearInterval(watch);

  const plan = estimateMemory(graph, dtype, free);
  const gigabytes = (amount: number) => (amount / 1e9).toFixed(2);
  const { multiplyAdds, attentionMultiplyAdds } = graphCost(graph, free).get("")!;
  const rate = 2 * (multiplyAdds + attentionMultiplyAdds) / seconds / 1e9;
  const product = await matrixProductRate(backend);
  console.table({
    "weights in their file, GB": gigabytes(bytes),
    "weights as held, planned, GB": gigabytes(plan.weights),
    "activations, planned, GB": gigabytes(plan.activations),
    "peak memory, GB": gigabytes(peak),
    "of it anonymous, GB": gigabytes(largest.RssAnon),
    "of it mapped, GB": gigabytes(largest.RssFile),
    "load, s": load.toFixed(1),
    "peak memory over weights as held": (peak / plan.weights).toFixed(2),
    "peak memory over the plan": (peak / (plan.weights + plan.activations)).toFixed(2),
    "first call, s": first.toFixed(2),
    "best of three calls, s": seconds.toFixed(2),
    "UNet, GFLOP/s": rate.toFixed(0),
    "float32 matrix product, GFLOP/s": product.toFixed(0),
    "UNet over matrix product": (rate / product).toFixed(2),
  });
}

/** A 1024³ product, eight times in a row, through the same backend. */
async function matrixProductRate(backend: ReturnType<typeof backendByName>): Promise<number> {
  const [n, times] = [1024, 8];
  const g = new GraphBuilder("product");
  let value = g.input("x", "float32", [1, n, n]);
  const tensors: Record<string, { dtype: "F32"; shape: number[]; data: Float32Array<ArrayBuffer> }> = {};
  for (let i = 0; i < times; i++) {
    value = g.linear(`layers.${i}`, value, n, { bias: false });
    tensors[`layers.${i}.weight`] = {
      dtype: "F32",
      shape: [n, n],
      data: normal([n, n]).data as Float32Array<ArrayBuffer>,
    };
  }
  await using weights = memoryWeights(tensors);
  await using runner = await backend.load({ kind: "graph", graph: g.build({ y: value }), weights });
  const x = normal([1, n, n]);
  await runner.run({ x });
  return 2 * times * n ** 3 / await best(() => runner.run({ x })) / 1e9;
}

async function best(call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) times.push((await timed(call))[1]);
  return Math.min(...times);
}

/** The result, and the seconds that it took. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}

function normal(shape: readonly number[]): Tensor {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  return {
    data: Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) / Math.sqrt(shape.at(-1)!)),
    shape,
  };
}
