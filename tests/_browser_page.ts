/** The page of `browser_test.ts`: runs in a browser, and is asked from outside. */
import type { Backend } from "../backends/backend.ts";
import { wasm } from "../backends/wasm.ts";
import { webgpu } from "../backends/webgpu.ts";
import type { Tensor } from "../core/tensor.ts";
import { createPipeline } from "../mod.ts";
import { progressiveDistillation, ufogen } from "../samplers/mod.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { backendChecks } from "../testing/backend.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { Weights } from "../weights/weights.ts";

const assets = "/runtime/";
const backends: Readonly<Record<string, () => Backend>> = {
  wasm: () => wasm({ assets }),
  "wasm in place": () => wasm({ worker: false, assets }),
  webgpu: () => webgpu({ assets }),
};

/** Runs the suite and gives what failed: a line a check. */
async function failures(name: string): Promise<string[]> {
  const claims = { sources: ["graph", "onnx"] } as const;
  const failed: string[] = [];
  for (const check of backendChecks({ name, create: backends[name]!, ...claims })) {
    if (name === "wasm" && check.name.startsWith("wasm computes")) continue; // a worker each; done in place
    await check.run().catch((error: Error) => failed.push(`${check.name}: ${error.message}`));
  }
  return failed;
}

/** Largest difference of the reference's smallest UNet. */
async function unetDifference(name: string): Promise<number> {
  const folder = "/reference/pipelines/sd15-tiny/unet";
  const config = readUnetConfig(await (await fetch(`${folder}/config.json`)).json());
  await using weights = await open(`${folder}/diffusion_pytorch_model.safetensors`);
  await using io = await open("/reference/models/unet_sd15/io.safetensors");
  const tensor = async (key: string): Promise<Tensor> => ({
    data: await readFloat32(io, key),
    shape: io.info(key)!.shape,
  });
  await using runner = await backends[name]!().load({ kind: "graph", graph: unet(config), weights });
  const { out_sample } = await runner.run({
    sample: await tensor("case0.sample"),
    encoder_hidden_states: await tensor("case0.encoder_hidden_states"),
    time_features: sinusoids([481], { ...config, features: config.timeFeatures }),
  });
  const { data } = out_sample as Tensor;
  const expected = await tensor("case0.out");
  const differences = expected.data.map((value, i) => Math.abs(value - data[i]!));
  return differences.some(Number.isNaN) ? NaN : Math.max(...differences);
}

async function open(path: string): Promise<Weights> {
  return await openSafetensors(new Uint8Array(await (await fetch(path)).arrayBuffer()));
}

/** Largest difference of a colour, of 255, between the embedded model's pictures on WASM and on WebGPU. */
async function pictureDifference(steps: number): Promise<number> {
  const sampler = steps === 1 ? ufogen() : progressiveDistillation({ steps });
  const pictures: Uint8Array[] = [];
  for (const name of ["wasm in place", "webgpu"]) {
    await using pipeline = await createPipeline({ backend: backends[name]!() });
    const { images } = await pipeline.generate({
      prompt: "a red house under a yellow moon",
      sampler,
      seed: 7,
    });
    pictures.push(images[0]!.data);
  }
  const [expected, actual] = pictures as [Uint8Array, Uint8Array];
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
}

/** What fails on a device of the page's own that has "subgroups": `undefined` where the adapter has none. */
async function failuresWithSubgroups(): Promise<string[] | undefined> {
  const adapter = await navigator.gpu.requestAdapter();
  const subgroups = "subgroups" as GPUFeatureName;
  if (adapter === null || !adapter.features.has(subgroups)) return undefined;
  const device = await adapter.requestDevice({ requiredFeatures: [subgroups] });
  const failed: string[] = [];
  for (const check of backendChecks({ name: "webgpu", create: () => webgpu({ assets, device }) })) {
    if (!check.name.includes("attention")) continue;
    await check.run().catch((error: Error) => failed.push(`${check.name}: ${error.message}`));
  }
  return failed;
}

/** What a page has that the types of Deno do not. */
const { document, location } = globalThis as unknown as {
  document: { title: string };
  location: { pathname: string };
};

/** A page under a strict policy cannot be asked from outside: it makes a picture by itself and says so in its title. */
async function strictPage(): Promise<void> {
  try {
    new Function("return 1")();
    document.title = "the policy is not strict";
  } catch {
    await using pipeline = await createPipeline({ backend: wasm({ assets }) });
    const { images } = await pipeline.generate({ prompt: "a red house", sampler: ufogen(), seed: 7 });
    document.title = `made ${images[0]!.width} pixels`;
  }
}

if (location.pathname === "/strict") {
  strictPage().catch((error: Error) => document.title = `failed: ${error.message}`);
}

Object.assign(globalThis, { failures, failuresWithSubgroups, pictureDifference, unetDifference });
