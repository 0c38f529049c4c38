import assert from "node:assert/strict";
import { memoryWeights } from "../weights/memory.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { quantised } from "../weights/quantise.ts";
import type { Weights } from "../weights/weights.ts";
import { filled, pair, query, read } from "./_test_lora.ts";
import { mergeLora } from "./mod.ts";

const key = `${query}.weight`;
const kohya = "lora_unet_" + query.replaceAll(".", "_");
const text = "text_model.encoder.layers.0.self_attn.q_proj";

Deno.test("weights are computed when they are read, and all others are left alone", async () => {
  const reads: string[] = [];
  const base = memoryWeights({ [key]: filled([8, 8]), "conv_in.weight": filled([4, 4, 3, 3]) });
  const watched: Weights = { ...base, read: (name) => (reads.push(name), base.read(name)) };
  const merged = mergeLora(watched, "unet", [{ lora: await read(pair(kohya, [8, 8])), scale: 0.5 }]);
  assert.deepEqual(reads, []);
  assert.deepEqual([...merged.names()], [key, "conv_in.weight"]);
  assert.deepEqual(merged.info("conv_in.weight"), base.info("conv_in.weight"));
  const weight = await readFloat32(merged, key);
  // up [o] = (2o + 1, 2o + 2), down [i] = (i + 1, i + 9)
  assert.deepEqual([...weight.subarray(0, 2)], [1 + 0.5 * (1 * 1 + 2 * 9), 2 + 0.5 * (1 * 2 + 2 * 10)]);
  assert.deepEqual(reads, [key]);
});

Deno.test("a merged weight of an 8-bit model is float16 and has no scales; the others stay 8-bit", async () => {
  const float = memoryWeights({ [key]: filled([8, 8], (i) => i / 64), "mid_block.x.weight": filled([8, 8]) });
  const base = quantised(float, { select: () => true });
  const merged = mergeLora(base, "unet", [{ lora: await read(pair(kohya, [8, 8])), scale: 1e-3 }]);
  assert.deepEqual([...merged.names()].toSorted(), [key, "mid_block.x.weight"].toSorted());
  assert.deepEqual(merged.info(key), { dtype: "F16", shape: [8, 8], byteLength: 128 });
  assert.equal(merged.info("mid_block.x.weight")?.encoding, base.info("mid_block.x.weight")?.encoding);
  const exact = await readFloat32(
    mergeLora(float, "unet", [{ lora: await read(pair(kohya, [8, 8])), scale: 1e-3 }]),
    key,
  );
  const actual = await readFloat32(merged, key);
  // Half a step of 8 bits over values up to 1, and half a unit of float16.
  exact.forEach((value, i) => assert.ok(Math.abs(actual[i]! - value) < 0.5 / 127 + 1e-3));
});

Deno.test("scale 0 leaves the weights as they are; each network has its own scale", async () => {
  const lora = await read({
    ...pair(kohya, [8, 8]),
    ...pair("lora_te_" + text.replaceAll(".", "_"), [6, 6]),
  });
  const base = memoryWeights({ [key]: filled([8, 8]), [`${text}.weight`]: filled([6, 6]) });
  const scale = { unet: 0, textEncoder: 1 };
  assert.deepEqual(await mergeLora(base, "unet", [{ lora, scale }]).read(key), await base.read(key));
  const merged = await readFloat32(mergeLora(base, "textEncoder", [{ lora, scale }]), `${text}.weight`);
  assert.equal(merged[0], 1 + 1 * 1 + 2 * 7);
});

Deno.test("a weight that is not there, and a scale that is no number, are errors", async () => {
  const lora = await read(pair(kohya, [8, 8]));
  assert.throws(() => mergeLora(memoryWeights({}), "unet", [{ lora }]), {
    name: "WeightsError",
    message: `Cannot merge LoRA: it changes "${key}", but the model has no such weight.`,
  });
  assert.throws(() => mergeLora(memoryWeights({}), "unet", [{ lora, scale: NaN }]), {
    name: "RangeError",
    message: /its scale is NaN, expected a finite number/,
  });
});
