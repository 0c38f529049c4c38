import assert from "node:assert/strict";
import type { Runner } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { Tensor } from "../core/tensor.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { type ActiveLora, hotLoraInputs, loraModules, mergeLora, readLora, withLoraPorts } from "./mod.ts";

interface Cases {
  readonly timestep: number;
  readonly cases: readonly {
    readonly tag: string;
    readonly files: readonly { readonly file: string; readonly scale: number }[];
  }[];
}

const base = "pipelines/small4-tiny";
const { timestep, cases } = await readJson<Cases>("lora/cases.json");
const expected = await readFixture("lora/expected.safetensors");
const unetConfig = readUnetConfig(await readJson(`${base}/unet/config.json`));
const textConfig = readClipTextConfig(await readJson(`${base}/text_encoder/config.json`));
const modules = { unet: loraModules(unet(unetConfig)), textEncoder: loraModules(clipText(textConfig)) };

// A single network call in float32; the sums of the changed weights are of the same kind as the network's own.
const tolerance = 1e-4;

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  Deno.test(`${backend.name}: merged LoRAs give the reference's outputs`, async (t) => {
    for (const { tag, files } of [{ tag: "none", files: [] }, ...cases]) {
      await t.step(tag, async () => {
        const loras = await open(files);
        const unetWeights = mergeLora(await weightsOf("unet/diffusion_pytorch_model"), "unet", loras);
        await using _unetWeights = unetWeights;
        await using network = await backend.load({
          kind: "graph",
          graph: unet(unetConfig),
          weights: unetWeights,
        });
        assertClose(await runUnet(network), `${tag}.unet_out`, tolerance);
        const textWeights = mergeLora(await weightsOf("text_encoder/model"), "textEncoder", loras);
        await using _textWeights = textWeights;
        await using text = await backend.load({
          kind: "graph",
          graph: clipText(textConfig),
          weights: textWeights,
        });
        assertClose(await runText(text), `${tag}.text`, tolerance);
      });
    }
  });
}

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  Deno.test(`${backend.name}: hot LoRAs give the reference's outputs, one after the other in one loaded model`, async () => {
    const ports = { modules: "all", rank: 8 } as const;
    await using unetWeights = await weightsOf("unet/diffusion_pytorch_model");
    await using textWeights = await weightsOf("text_encoder/model");
    const unetGraph = withLoraPorts(unet(unetConfig), ports);
    const textGraph = withLoraPorts(clipText(textConfig), ports);
    await using network = await backend.load({ kind: "graph", graph: unetGraph, weights: unetWeights });
    await using text = await backend.load({ kind: "graph", graph: textGraph, weights: textWeights });
    for (const { tag, files } of [{ tag: "none", files: [] }, ...cases]) {
      if (tag.startsWith("loha")) continue; // no ports can hold it
      const loras = await open(files);
      // Hot and merged must agree within 1e-3; both are in fact within float32 noise of the reference.
      assertClose(
        await runUnet(network, hotLoraInputs(network.inputs, "unet", loras)),
        `${tag}.unet_out`,
        tolerance,
      );
      assertClose(
        await runText(text, hotLoraInputs(text.inputs, "textEncoder", loras)),
        `${tag}.text`,
        tolerance,
      );
    }
  });
}

Deno.test("native: a hot LoRA of scale 0 leaves every bit as it was, as do ports of attention only", async () => {
  await using weights = await weightsOf("unet/diffusion_pytorch_model");
  const graph = withLoraPorts(unet(unetConfig), { modules: "attention", rank: 4 });
  await using network = await native().load({ kind: "graph", graph, weights });
  const [{ lora }] = await open([{ file: "lora/diffusers_processor.safetensors", scale: 1 }]) as [ActiveLora];
  const run = (scale?: number) =>
    runUnet(network, hotLoraInputs(network.inputs, "unet", scale === undefined ? [] : [{ lora, scale }]));
  const without = await run();
  assert.deepEqual((await run(0)).data, without.data);
  assertClose(without, "none.unet_out", tolerance);
  assertClose(await run(1), "diffusers_processor@1.unet_out", tolerance);
  assert.deepEqual((await run(0)).data, without.data, "after another");
});

async function open(files: Cases["cases"][number]["files"]): Promise<ActiveLora[]> {
  const loras: ActiveLora[] = [];
  for (const { file, scale } of files) {
    await using weights = await openSafetensors(path(file));
    loras.push({ lora: await readLora(weights, modules), scale });
  }
  return loras;
}

function weightsOf(name: string) {
  return openSafetensors(path(`${base}/${name}.safetensors`));
}

async function runUnet(network: Runner, extra: Record<string, Tensor> = {}): Promise<Tensor> {
  const { out_sample } = await network.run({
    sample: expected.float32("input.sample"),
    encoder_hidden_states: expected.float32("input.encoder_hidden_states"),
    time_features: sinusoids([timestep, timestep], { features: unetConfig.timeFeatures }),
    ...extra,
  });
  return out_sample as Tensor;
}

async function runText(network: Runner, extra: Record<string, Tensor> = {}): Promise<Tensor> {
  const ids = expected.numbers("input.input_ids");
  const { last_hidden_state } = await network.run({
    input_ids: { data: BigInt64Array.from(ids, BigInt), shape: [1, ids.length] },
    position_ids: { data: BigInt64Array.from(ids, (_, i) => BigInt(i)), shape: [ids.length] },
    ...extra,
  });
  return last_hidden_state as Tensor;
}

function assertClose({ data }: Tensor, key: string, limit: number): void {
  const difference = maxAbsDifference(data, expected.float32(key).data);
  assert.ok(difference <= limit, `${key}: ${difference} off, allowed ${limit}`);
}

function path(name: string): string {
  return new URL(`../tests/reference/${name}`, import.meta.url).pathname;
}
