import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { ControlOptions, ControlStep, Residuals } from "../core/parts.ts";
import type { DeviceTensor, Tensor } from "../core/tensor.ts";
import { controlPlugin, readControlPluginConfig } from "../models/control_plugin.ts";
import { readUnetConfig, type UnetArchitecture } from "../models/unet_config.ts";
import { maxAbsDifference, readJson } from "../tests/_fixtures.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { openControl } from "./control.ts";
import { localFolder } from "../weights/model_folder.ts";

const backend = native();
const hidden = { data: new Float32Array(2 * 5 * 32).map((_, i) => Math.sin(i)), shape: [2, 5, 32] };
const latent = { data: new Float32Array(2 * 4 * 64).map((_, i) => Math.cos(i)), shape: [2, 4, 8, 8] };
const pixels = { data: new Float32Array(3 * 64 * 64).map((_, i) => i % 7 / 6), shape: [1, 3, 64, 64] };
const step: ControlStep = { latent, timestep: 500, index: 0, steps: 4 };

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  Deno.test(`${backend.name}: a plugin gives what its PyTorch twin gives`, async () => {
    const folder = new URL("../tests/data/control_plugin/", import.meta.url).pathname;
    await using expected = await openSafetensors(`${folder}expected.safetensors`);
    const tensor = async (name: string) => ({
      data: await readFloat32(expected, name),
      shape: expected.info(name)!.shape,
    });
    await using control = await openControl(await localFolder(folder), { backend });
    await using prepared = await control.prepare(await tensor("pixels"), { encoder_hidden_states: hidden }, {
      scale: 0.5,
    });
    const small = { data: new Float32Array(4 * 15), shape: [1, 4, 5, 3] };
    const residuals = (await prepared.residuals({ ...step, latent: small }))!;
    assert.deepEqual(Object.keys(residuals), ["down.0", "down.1"]);
    for (const name of ["down.0", "down.1"]) {
      const { data, shape } = await tensor(name);
      assert.deepEqual(residuals[name]!.shape, shape);
      const difference = maxAbsDifference(await read(residuals, name), data.map((value) => value / 2));
      assert.ok(difference < 1e-5, `${name}: ${difference} off`);
    }
  });
}

Deno.test("the mini model's plugin has 312 576 parameters", () => {
  const config = { conditioning_channels: 1, channels: [80, 144], layers_per_block: 2, expansion: 2 };
  const { weights } = controlPlugin(readControlPluginConfig(config));
  const sizes = weights.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  assert.equal(sizes.reduce((sum, size) => sum + size, 0), 312_576);
});

Deno.test("outside of its window a control gives what others gave", async () => {
  await using control = await open("t2i_adapter_full");
  await using prepared = await control.prepare(pixels, { encoder_hidden_states: hidden }, {
    window: [0.25, 0.75],
  });
  const active = await Promise.all(
    [0, 1, 2, 3].map(async (index) => await prepared.residuals({ ...step, index })),
  );
  assert.deepEqual(active.map((residuals) => residuals !== undefined), [false, true, true, false]);
  const base: Residuals = { mid: latent };
  assert.equal(await prepared.residuals(step, base), base);
});

Deno.test("several controls are added up on the backend, one row for all rows too", async () => {
  await using edges = await open("controlnet");
  await using adapter = await open("t2i_adapter_full");
  await using one = await edges.prepare(pixels, { encoder_hidden_states: hidden }, { scale: 0.25 });
  await using two = await edges.prepare(pixels, { encoder_hidden_states: hidden }, { scale: 0.75 });
  await using whole = await edges.prepare(pixels, { encoder_hidden_states: hidden });
  await using features = await adapter.prepare(pixels, { encoder_hidden_states: hidden });
  const both = (await features.residuals(step, await two.residuals(step, await one.residuals(step))))!;
  const expected = (await whole.residuals(step))!;
  for (const name of Object.keys(expected)) {
    assert.ok("read" in both[name]!, `${name} stays on the device`);
    assert.ok(maxAbsDifference(await read(both, name), await read(expected, name)) < 1e-5, name);
  }
  assert.equal(Object.keys(both).length, Object.keys(expected).length + 4);
  const levels = (await features.residuals(step))!;
  const rows = { "down.0": { data: new Float32Array(2 * 512).fill(1), shape: [2, 8, 8, 8] } };
  const sum = (await features.residuals(step, rows))!;
  const level = await read(levels, "down.0");
  assert.deepEqual(sum["down.0"]!.shape, [2, 8, 8, 8]);
  assert.deepEqual(await read(sum, "down.0"), Float32Array.from([...level, ...level], (value) => value + 1));
});

Deno.test("guess mode leaves unconditional rows alone", async () => {
  await using control = await open("controlnet");
  const residuals = async (options: ControlOptions) => {
    await using prepared = await control.prepare(pixels, { encoder_hidden_states: hidden }, options);
    const own = await prepared.residuals(step);
    return own && await Promise.all(Object.keys(own).map((name) => read(own, name)));
  };
  const all = (await residuals({ guessMode: true }))!;
  const guided = (await residuals({ guessMode: true, unconditionalRows: 1 }))!;
  const plain = (await residuals({}))!;
  guided.forEach((values, i) => {
    const half = values.length / 2;
    assert.ok(values.subarray(0, half).every((value) => value === 0));
    assert.deepEqual(values.subarray(half), all[i]!.subarray(half));
    const ratio = 10 ** (i / (guided.length - 1) - 1);
    assert.ok(maxAbsDifference(all[i]!, plain[i]!.map((value) => value * ratio)) < 1e-5);
  });
  assert.equal(await residuals({ guessMode: true, unconditionalRows: 2 }), undefined);
  assert.equal(await residuals({ scale: 0 }), undefined);
});

Deno.test("residuals are freed at the next step", async () => {
  await using control = await open("controlnet");
  await using prepared = await control.prepare(pixels, { encoder_hidden_states: hidden });
  const first = (await prepared.residuals(step))!;
  await prepared.residuals({ ...step, index: 1 });
  await assert.rejects((first.mid as DeviceTensor).read());
});

Deno.test("pictures and prompts that do not fit are errors, and the control goes on as before", async () => {
  await using control = await open("controlnet");
  const image = (shape: readonly number[]): Tensor => ({
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
    shape,
  });
  const rejects = (given: Tensor, message: RegExp, options: ControlOptions = {}, states: Tensor = hidden) =>
    assert.rejects(control.prepare(given, { encoder_hidden_states: states }, options), {
      name: "RangeError",
      message,
    });
  await rejects(image([1, 3, 60, 64]), /is 64 × 60 pixels, expected multiples of 8/);
  await rejects(image([1, 4, 64, 64]), /has 4 channels, expected 3/);
  await rejects(image([3, 64, 64]), /has shape \[3,64,64\]/);
  await rejects(pixels, /scale is NaN/, { scale: NaN });
  await rejects(pixels, /window is 0.5 to 0.4/, { window: [0.5, 0.4] });
  await rejects(pixels, /states have width 16, expected 32/, {}, image([2, 5, 16]));
  await using wide = await control.prepare(image([1, 3, 64, 128]), { encoder_hidden_states: hidden });
  await assert.rejects(wide.residuals(step), {
    message: /picture is 128 × 64 pixels, expected 64 × 64 as the result/,
  });
  await using fits = await control.prepare(pixels, { encoder_hidden_states: hidden });
  await assert.rejects(fits.residuals({ ...step, latent: image([1, 4, 8, 8]) }), {
    message: /1 latents, .* for 2 rows/,
  });
  assert.equal(Object.keys((await fits.residuals(step))!).length, 9);
});

Deno.test("a network of one channel sees colours as grey", async () => {
  await using control = await open("t2i_adapter_light");
  const grey = { data: new Float32Array(64 * 64).fill(0.299), shape: [1, 1, 64, 64] };
  const red = { data: new Float32Array(3 * 64 * 64).fill(1, 0, 64 * 64), shape: [1, 3, 64, 64] };
  await using one = await control.prepare(grey, { encoder_hidden_states: hidden });
  await using three = await control.prepare(red, { encoder_hidden_states: hidden });
  const [a, b] = [await one.residuals(step), await three.residuals(step)];
  assert.deepEqual(await read(a!, "down.0"), await read(b!, "down.0"));
  await assert.rejects(control.prepare(grey, { encoder_hidden_states: hidden }, { guessMode: true }), {
    message: /expected guessMode false/,
  });
});

Deno.test("a control for another UNet is refused before it is loaded", async () => {
  const own = await readJson<Record<string, unknown>>("pipelines/small4-tiny/unet/config.json");
  const refused = (name: string, changes: Record<string, unknown>, message: RegExp) =>
    assert.rejects(open(name, readUnetConfig({ ...own, ...changes })), {
      name: "UnsupportedModelError",
      message,
    });
  await refused("controlnet", { cross_attention_dim: 768 }, /text width is 32, the UNet's is 768/);
  await refused(
    "controlnet",
    { block_out_channels: [8, 16, 16, 16] },
    /channels is 8, 8, 16, 16, the UNet's is 8, 16/,
  );
  await refused(
    "controlnet",
    { layers_per_block: 2 },
    /blocks a level is 1, 1, 1, 1, the UNet's is 2, 2, 2, 2/,
  );
  await refused(
    "t2i_adapter_full",
    { block_out_channels: [8, 8, 8, 8] },
    /T2I-Adapter: its list of channels/,
  );
  const unet = await localFolder(path("pipelines/small4-tiny/unet"));
  await assert.rejects(openControl(unet, { backend }), {
    name: "UnsupportedModelError",
    message: /its class is "UNet2DConditionModel", expected ControlNetModel, T2IAdapter, ControlPlugin/,
  });
});

async function open(name: string, unet?: UnetArchitecture) {
  const folder = await localFolder(path(`models/${name}`));
  return await openControl(folder, { backend, ...unet !== undefined && { unet } });
}

async function read(residuals: Residuals, name: string): Promise<Float32Array> {
  const tensor = residuals[name]!;
  return "read" in tensor ? (await tensor.read()).data : tensor.data;
}

function path(name: string): string {
  return new URL(`../tests/reference/${name}`, import.meta.url).pathname;
}
