import assert from "node:assert/strict";
import { openModel } from "../presets/create_pipeline.ts";
import { layer, layerInput, layerOutput } from "./_testing.ts";
import { auto } from "./auto.ts";
import { coreml } from "./coreml.ts";
import { native } from "./native.ts";
import {
  hasPrecision,
  partPrecision,
  PRECISION_NAMES,
  precisionName,
  precisionOf,
  refuseOtherTypes,
} from "./precision.ts";
import { wasm } from "./wasm.ts";
import { webgpu } from "./webgpu.ts";

Deno.test("each short name stands for one precision, and is its name", () => {
  const all = PRECISION_NAMES.map(precisionOf);
  assert.equal(new Set(all.map((precision) => JSON.stringify(precision))).size, PRECISION_NAMES.length);
  assert.deepEqual(all.map(precisionName), PRECISION_NAMES);
  assert.deepEqual(precisionOf("int8"), { weights: "int8", activations: "float32" });
  assert.equal(precisionName({ activations: "float16" }), "stored weights with float16 activations");
});

Deno.test("what is no precision is one clear error", () => {
  for (
    const [asked, message] of [
      ["fp16", /^Cannot compute in "fp16": expected float32, .*w8a8, or \{ weights, activations \}\.$/],
      ["toString", /^Cannot compute in "toString"/],
      [{ weights: "int7" }, /weights are "int7", expected stored, float32, float16, int8, int4\.$/],
      [{ weights: null }, /weights are null/],
      [{ activations: "stored" }, /activations are "stored", expected float32, bfloat16, float16, int8\.$/],
      [{ weigths: "int8" }, /there is no option "weigths"/],
      [8, /the options are a number/],
    ] as const
  ) assert.throws(() => precisionOf(asked as "int8"), { name: "TypeError", message });
});

Deno.test("a model's parts may each have their own", () => {
  const parts = { unet: "int8", vae: { weights: "float16", activations: "float16" } } as const;
  assert.equal(partPrecision(parts, "unet"), "int8");
  assert.equal(partPrecision(parts, "textEncoder"), undefined);
  assert.equal(partPrecision("float16", "vae"), "float16");
  assert.deepEqual(partPrecision({ weights: "int8" }, "vae"), { weights: "int8" });
  assert.throws(() => partPrecision({ unet: "int9" } as object, "unet"), /Cannot compute in "int9"/);
  assert.throws(() => partPrecision({ unet: "int8", weights: "int8" } as object, "vae"), /no option "unet"/);
});

Deno.test("a precision that a backend lacks is refused in one sentence, before anything is read", async () => {
  for (const make of [native, wasm, webgpu, auto]) {
    const backend = make();
    const lacking = PRECISION_NAMES.filter((name) => !hasPrecision(backend.precisions!, name));
    assert.ok(lacking.includes("bfloat16"));
    for (const dtype of lacking) {
      await assert.rejects(openModel("mini", { backend, dtype: { vae: dtype } }), {
        name: "UnsupportedModelError",
        message: new RegExp(
          `^Cannot load "mini" in ${dtype} on ${backend.name}: it has float32, float16, int8, [^.]*\\.$`,
        ),
      });
    }
  }
  await assert.rejects(wasm().load(layer(), { dtype: "bfloat16" }), {
    name: "UnsupportedModelError",
    message: /^Cannot load layer in bfloat16 on wasm: it has float32, float16, int8, stored weights [^.]*\.$/,
  });
});

Deno.test("models of fixed types refuse any other", async () => {
  const message = /keeps the types that it was exported in, so leave dtype away\.$/;
  assert.doesNotThrow(() => refuseOtherTypes("it", "a Core ML", { dtype: { weights: "stored" } }));
  await assert.rejects(coreml().load({ kind: "coreml", path: "Unet.mlmodelc" }, { dtype: "int8" }), {
    name: "UnsupportedModelError",
    message,
  });
  const model = Uint8Array.of(1, 2, 3);
  await assert.rejects(wasm().load({ kind: "onnx", model }, { dtype: "float16" }), { message });
});

Deno.test("auto passes over backends that lack the precision asked for", async () => {
  const narrow = { ...wasm({ worker: false, threads: 1 }), precisions: ["float16"] as const };
  const never = () => Promise.reject(new Error("It has no int8."));
  const backend = auto({ order: [{ ...narrow, load: never }, wasm({ worker: false, threads: 1 })] });
  assert.ok(hasPrecision(backend.precisions!, "int8"));
  await using runner = await backend.load(layer(), { dtype: "int8" });
  assert.deepEqual(await runner.run(layerInput), layerOutput);
});
