import assert from "node:assert/strict";
import { clipText } from "../models/clip_text.ts";
import { unet } from "../models/unet.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { memoryWeights } from "../weights/memory.ts";
import { encodeSafetensors } from "../weights/write_safetensors.ts";
import { architecture, filled, pair, query, textConfig } from "./_test_lora.ts";
import { type LoraNetworks, modelLoras } from "./mod.ts";

const networks: LoraNetworks = {
  unet: unet(architecture),
  textEncoder: clipText(textConfig),
};
const key = `${query}.weight`;
const file = (rank: number) =>
  encodeSafetensors(memoryWeights(pair("lora_unet_" + query.replaceAll(".", "_"), [8, 8], { rank })));

Deno.test("without ports LoRAs are merged, and only the networks that change are stale", async () => {
  const loras = modelLoras(networks);
  assert.equal(loras.ported, undefined);
  const base = memoryWeights({ [key]: filled([8, 8]) });
  const first = async () => (await readFloat32(loras.weights!(base, "unet"), key))[0];
  assert.equal(await first(), 1);
  const source = await file(1);
  assert.deepEqual([...(await loras.set([{ source, scale: 0.5 }])).stale], ["unet"]);
  assert.equal(await first(), 1.5);
  assert.deepEqual([...(await loras.set([])).stale], ["unet"]);
  assert.equal(await first(), 1);
  assert.deepEqual([...(await loras.set([])).stale], []);
});

Deno.test("with ports nothing is stale; programs get the values that they have ports for", async () => {
  const loras = modelLoras(networks, { ports: { modules: "attention", rank: 2 } });
  assert.equal(loras.weights, undefined);
  const { inputs: ports } = loras.ported!(networks.unet);
  const up = () => loras.inputs!(ports, "unet")[`lora.${query}.up`]!.data[0];
  assert.equal(up(), 0);
  const source = await file(2);
  assert.deepEqual([...(await loras.set([{ source, scale: 0.5 }])).stale], []);
  assert.equal(up(), 0.5);
  await loras.set([{ source, scale: 3 }]);
  assert.equal(up(), 3);
  const short = loras.ported!(clipText(textConfig, { clipSkip: 1 })).inputs;
  const names = short.map(({ name }) => name).filter((name) => name.startsWith("lora."));
  assert.deepEqual(Object.keys(loras.inputs!(short, "textEncoder")), names);
});

Deno.test("after an error the present LoRAs stay", async () => {
  const loras = modelLoras(networks, { ports: { modules: "attention", rank: 2 } });
  const { inputs: ports } = loras.ported!(networks.unet);
  const [good, large] = [await file(2), await file(3)];
  await loras.set([{ source: good }]);
  await assert.rejects(loras.set([{ source: good }, { source: large }]), {
    name: "RangeError",
    message: /2 \+ 3 = 5/,
  });
  await assert.rejects(loras.set([{ source: new Uint8Array(3) }]), { name: "WeightsError" });
  await assert.rejects(loras.set([{ source: good, scale: NaN }]), { name: "RangeError" });
  assert.equal(loras.inputs!(ports, "unet")[`lora.${query}.up`]!.data[0], 1);
});

Deno.test("keys without a module are handed back where they are allowed, and an error where not", async () => {
  const loras = modelLoras(networks);
  const stem = "lora_unet_" + query.replaceAll(".", "_");
  const tensors = { ...pair(stem, [8, 8]), ...pair("lora_unet_nowhere", [8, 8]) };
  const source = await encodeSafetensors(memoryWeights(tensors));
  const { unmatched } = await loras.set([{ source, strict: false }]);
  assert.deepEqual(unmatched, ["lora_unet_nowhere.lora_down.weight", "lora_unet_nowhere.lora_up.weight"]);
  await assert.rejects(loras.set([{ source }]), { name: "WeightsError", message: /belong to no layer/ });
});
