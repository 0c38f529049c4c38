import assert from "node:assert/strict";
import process from "node:process";
import { GraphBuilder } from "../graph/builder.ts";
import { memoryWeights } from "../weights/memory.ts";
import { layer, layerInput, layerOutput, slow } from "./_testing.ts";
import type { DeviceTensor } from "../core/tensor.ts";
import type { Backend, Runner } from "./backend.ts";
import { wasm } from "./wasm.ts";
import { webgpu } from "./webgpu.ts";

const adapter = await navigator.gpu?.requestAdapter();
const ignore = adapter == null && process.env.REQUIRE_ALL !== "1";
const reason = ignore ? " (skipped: there is no GPU, install Debian's mesa-vulkan-drivers)" : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${reason}`, ignore, fn });
}

test("a lost device fails the call that runs, and no later one", async () => {
  const device = await adapter!.requestDevice();
  const backend = webgpu({ device });
  const long = slow(256, 40);
  const input = { x: { data: new Float32Array(256 * 256), shape: [256, 256] } };
  await using one = await backend.load(long);
  await using other = await backend.load(layer());
  await one.run(input); // shaders are compiled
  const { y: kept } = await other.run(layerInput, { keep: ["y"] });
  assert.ok("read" in kept!);
  const running = one.run(input);
  const waiting = other.run(layerInput);
  setTimeout(() => device.destroy(), 1); // the first call has begun
  await assert.rejects(running, { name: "BackendUnavailableError", message: /lost.*fresh one/ });
  assert.deepEqual(await waiting, layerOutput);
  assert.deepEqual((await one.run(input)).y, input.x);
  await assert.rejects(() => kept.read(), { name: "BackendUnavailableError" });
  await assert.rejects(() => one.run({ x: kept }), { name: "BackendUnavailableError" });
});

test("a device's loss is told to a call of the same turn, whether it runs, reads or loads", async () => {
  const calls: Readonly<
    Record<string, (backend: Backend, runner: Runner, kept: DeviceTensor) => Promise<unknown>>
  > = {
    run: (_, runner) => runner.run(layerInput),
    read: (_, __, kept) => kept.read(),
    load: async (backend) => (await backend.load(layer())).run(layerInput), // some get as far as a first run
  };
  for (const [name, call] of Object.entries(calls)) {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const backend = webgpu({ device });
    await using runner = await backend.load(layer());
    const { y } = await runner.run(layerInput, { keep: ["y"] });
    device.destroy();
    await assert.rejects(call(backend, runner, y as DeviceTensor), { name: "BackendUnavailableError" }, name);
    assert.deepEqual(await runner.run(layerInput), layerOutput);
  }
});

test("backends with devices of their own share one queue", async () => {
  await using one = await webgpu().load(layer());
  await using other = await webgpu().load(layer());
  const runs = Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? one : other).run(layerInput));
  for (const outputs of await Promise.all(runs)) assert.deepEqual(outputs, layerOutput);
});

test("a model in half precision is refused where the GPU has none", async () => {
  const device = await adapter!.requestDevice(); // no features asked for
  await assert.rejects(() => webgpu({ device }).load(layer(), { dtype: "float16" }), {
    name: "UnsupportedModelError",
    message: /no "shader-f16"/,
  });
});

test("an emulated GPU is passed over where it is not wanted", async () => {
  const load = () => webgpu({ software: false }).load(layer());
  if (adapter!.info.isFallbackAdapter) await assert.rejects(load, { name: "BackendUnavailableError" });
  else await (await load())[Symbol.asyncDispose]();
});

test("convolutions of 6, 9, 15 and 18 channels, which the provider gets wrong, are right", async () => {
  for (const [channels, groups] of [[6, 1], [9, 1], [15, 1], [18, 2]] as const) {
    const g = new GraphBuilder("convolution");
    const x = g.input("x", "float32", [1, channels, 5, 5]);
    const graph = g.build({ y: g.conv2d("it", x, 8, { groups, bias: false }) });
    const data = (size: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(i));
    const shape = [8, channels / groups, 3, 3];
    const weights = memoryWeights({
      "it.weight": { dtype: "F32", shape, data: data(72 * channels / groups) },
    });
    const compute = async (backend: Backend) => {
      await using runner = await backend.load({ kind: "graph", graph, weights });
      const { y } = await runner.run({ x: { data: data(25 * channels), shape: [1, channels, 5, 5] } });
      return (y as { data: Float32Array }).data;
    };
    const [actual, expected] = [await compute(webgpu()), await compute(wasm({ worker: false, threads: 1 }))];
    expected.forEach((value, i) => assert.ok(Math.abs(actual[i]! - value) < 1e-4, `${channels} channels`));
  }
});

test("two norms that differ in their epsilon alone give different results", async () => {
  const g = new GraphBuilder("norms");
  const x = g.input("x", "float32", [1, 2, 1, 2]);
  const graph = g.build({ wide: g.groupNorm("it", x, 1, 1e-5), narrow: g.groupNorm("it", x, 1, 1e-6) });
  const weights = memoryWeights({
    "it.weight": { dtype: "F32", shape: [2], data: Float32Array.of(1, 1) },
    "it.bias": { dtype: "F32", shape: [2], data: Float32Array.of(0, 0) },
  });
  await using runner = await webgpu().load({ kind: "graph", graph, weights });
  const spread = 1e-3;
  const outputs = await runner.run({
    x: { data: Float32Array.of(1, 1 + spread, 1, 1 + spread), shape: [1, 2, 1, 2] },
  });
  for (const [name, epsilon] of [["wide", 1e-5], ["narrow", 1e-6]] as const) {
    const { data } = outputs[name] as { data: Float32Array };
    const expected = spread / 2 / Math.sqrt((spread / 2) ** 2 + epsilon);
    assert.ok(Math.abs(data[1]! - expected) < 2e-3, `${name}: ${data[1]}, expected ${expected}`);
  }
});
