/**
 * LoRA: what a change costs (hot swap, merging and loading again, loading again alone), and what hot LoRAs cost at
 * every step. The network is Stable Diffusion 1.5's UNet at half its width, with random weights.
 *
 * ```sh
 * deno task bench lora
 * ```
 */
import {
  hotLoraInputs,
  type Lora,
  type LoraModules,
  loraModules,
  type LoraPorts,
  mergeLora,
  readLora,
  withLoraPorts,
} from "../adapters/mod.ts";
import { native } from "../backends/native.ts";
import type { Tensor } from "../core/tensor.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";
import type { Weights } from "../weights/weights.ts";
import { writeSafetensors } from "../weights/write_safetensors.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { randomWeights, sd15Unet } from "./_sd15.ts";

const halved = sd15Unet.levels.map((level) => ({ ...level, channels: level.channels / 2 }));
const architecture = { ...sd15Unet, levels: halved, timeFeatures: 160, timeEmbedding: 640 };
const rank = 16;
const steps = 7;
const backend = native();

const plain = unet(architecture);
const modules = { unet: loraModules(plain) };
const file = await Deno.makeTempFile({ suffix: ".safetensors" });
try {
  await using random = randomWeights(plain);
  await writeSafetensors(file, random);
  await using weights = await openSafetensors(file);
  const loras = [await randomLora(modules), await randomLora(modules), await randomLora(modules)];
  await measureChange(weights, loras[0]!);
  await measureSteps(weights, loras);
} finally {
  await Deno.remove(file);
}

/** Milliseconds from one LoRA to another, over those of loading the model again. */
async function measureChange(weights: Weights, lora: Lora): Promise<void> {
  const load = async (from: Weights) => {
    await using _runner = await backend.load({ kind: "graph", graph: plain, weights: from });
  };
  const ports = withLoraPorts(unet(architecture), { modules: "attention", rank }).inputs;
  const times = { reload: [] as number[], swap: [] as number[], merge: [] as number[] };
  await load(weights);
  for (let i = 0; i < 3; i++) {
    times.reload.push(await timed(() => load(weights)));
    times.merge.push(await timed(() => load(mergeLora(weights, "unet", [{ lora }]))));
    times.swap.push(await timed(() => Promise.resolve(hotLoraInputs(ports, "unet", [{ lora, scale: 0.5 }]))));
  }
  const reload = best(times.reload);
  report("change, over loading the model again", {
    "hot swap": best(times.swap) / reload,
    "merge and load": best(times.merge) / reload,
  });
}

/** Milliseconds of a step with ports, over those without. The runs take turns, so that all see the same machine. */
async function measureSteps(weights: Weights, loras: readonly Lora[]): Promise<void> {
  const variants: readonly (readonly [string, LoraPorts | undefined, number])[] = [
    ["no ports", undefined, 0],
    ["1 LoRA of rank 16", { modules: "attention", rank }, 1],
    ["3 LoRAs of rank 16", { modules: "attention", rank: 3 * rank }, 3],
    ["1 of rank 16, ports everywhere", { modules: "all", rank }, 1],
  ];
  await using loaded = new AsyncDisposableStack();
  const runs = new Map<string, { readonly run: () => Promise<unknown>; readonly times: number[] }>();
  for (const [name, ports, count] of variants) {
    const plain = unet(architecture);
    const graph = ports === undefined ? plain : withLoraPorts(plain, ports);
    const runner = loaded.use(await backend.load({ kind: "graph", graph, weights }));
    const active = loras.slice(0, count).map((lora) => ({ lora, scale: 0.1 }));
    const inputs = {
      sample: ramp([1, 4, 32, 32]),
      encoder_hidden_states: ramp([1, 77, 768]),
      time_features: sinusoids([500], { features: architecture.timeFeatures }),
      ...hotLoraInputs(graph.inputs, "unet", active),
    };
    runs.set(name, { run: () => runner.run(inputs), times: [] });
  }
  for (const { run } of runs.values()) await run();
  for (let i = 0; i < steps; i++) for (const { run, times } of runs.values()) times.push(await timed(run));
  const shortest = [...runs].map(([name, { times }]) => [name, best(times)] as const);
  const without = shortest[0]![1];
  report(
    "step, over one without ports",
    Object.fromEntries(shortest.map(([name, time]) => [name, time / without])),
  );
}

/** A LoRA for all projections of the attention. */
async function randomLora(modules: LoraModules): Promise<Lora> {
  const tensors = [...modules.unet!].filter(([module]) => /attn\d\.to_/.test(module)).flatMap((
    [module, [outputs, inputs]],
  ): [string, MemoryTensor][] => {
    const { data: up } = ramp([outputs!, rank]);
    const { data: down } = ramp([rank, inputs!]);
    return [
      [`unet.${module}.lora_A.weight`, { dtype: "F32", shape: [rank, inputs!], data: down }],
      [`unet.${module}.lora_B.weight`, { dtype: "F32", shape: [outputs!, rank], data: up }],
    ];
  });
  return await readLora(memoryWeights(Object.fromEntries(tensors)), modules);
}

function ramp(shape: readonly number[]): Tensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  return { data: data.map((_, i) => Math.sin(i) / 10), shape };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The run that was disturbed least. */
function best(times: readonly number[]): number {
  return Math.min(...times);
}

function report(title: string, ratios: Readonly<Record<string, number>>): void {
  console.log(title);
  for (const [name, ratio] of Object.entries(ratios)) {
    console.log(`  ${name.padEnd(32)} ${ratio.toFixed(3)} ×`);
  }
}
