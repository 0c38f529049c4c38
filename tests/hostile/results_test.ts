/** What comes out is checked: factors before they are multiplied, weights, states and pixels before they are used. */
import assert from "node:assert/strict";
import { filled, modules, query, read } from "../../adapters/_test_lora.ts";
import { mergeLora, readLora } from "../../adapters/mod.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import type { Model } from "../../core/model.ts";
import type { TextEncoder, Vae } from "../../core/parts.ts";
import { Pipeline } from "../../pipeline/pipeline.ts";
import { encodeWeighted } from "../../parts/_weighted_prompts.ts";
import { promptParts } from "../../tokenizer/prompt_parts.ts";
import { promptSteps } from "../../tokenizer/prompt_schedule.ts";
import { memoryWeights } from "../../weights/memory.ts";
import { openSafetensors } from "../../weights/safetensors.ts";
import { testModel } from "../_plain_model.ts";

/** By how much the memory of array buffers grows while something is awaited. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  const { Float32Array, Float64Array } = globalThis;
  const counted = <T extends typeof Float32Array | typeof Float64Array>(Class: T): T =>
    new Proxy(Class, {
      construct(target, given, own) {
        const made = Reflect.construct(target, given, own);
        most = Math.max(most, made.byteLength);
        return made;
      },
    });
  Object.assign(globalThis, { Float32Array: counted(Float32Array), Float64Array: counted(Float64Array) });
  try {
    await work();
  } finally {
    Object.assign(globalThis, { Float32Array, Float64Array });
  }
  return most;
}

Deno.test("a window over factors is checked before it is written out", async () => {
  await using file = await openSafetensors(
    new URL("./lora_tucker_4000.safetensors", import.meta.url).pathname,
  );
  const largest = await growth(() =>
    assert.rejects(readLora(file, modules), { name: "WeightsError", message: /lora_mid.*does not fit/ })
  );
  assert.ok(largest < 1 << 20, `${largest} bytes in one array`);
});

const stem = "lora_unet_" + query.replaceAll(".", "_"); // a weight of 8 × 8
const kinds: Readonly<Record<string, Parameters<typeof read>[0]>> = {
  "LoHa's window": {
    [`${stem}.hada_w1_a`]: filled([2000, 8]),
    [`${stem}.hada_w1_b`]: filled([1, 2000]),
    [`${stem}.hada_t1`]: filled([2000, 1, 3, 3]),
    [`${stem}.hada_w2_a`]: filled([8, 1]),
    [`${stem}.hada_w2_b`]: filled([1, 8]),
  },
  "LoKr's factors": {
    [`${stem}.lokr_w1_a`]: filled([4000, 1]),
    [`${stem}.lokr_w1_b`]: filled([1, 4000]),
    [`${stem}.lokr_w2`]: filled([1, 1]),
  },
  "LoKr's window": {
    [`${stem}.lokr_w1`]: filled([1, 1]),
    [`${stem}.lokr_w2_a`]: filled([4000, 8]),
    [`${stem}.lokr_w2_b`]: filled([1, 8]),
    [`${stem}.lokr_t2`]: filled([4000, 1]),
  },
  "LoRA's bias": {
    [`${stem}.lora_down.weight`]: filled([1, 8]),
    [`${stem}.lora_up.weight`]: filled([8, 1]),
    [`${stem}.lora_B.bias`]: filled([9]),
  },
};
for (const [name, tensors] of Object.entries(kinds)) {
  Deno.test(`${name} that fit no weight are refused before they are multiplied`, async () => {
    const largest = await growth(() => assert.rejects(read(tensors), { name: "WeightsError" }));
    assert.ok(largest < 1 << 20, `${largest} bytes in one array`);
  });
}

Deno.test("a rank of 0 in a LoRA's metadata is refused, and one that overflows in the sum", async () => {
  const factors = {
    [`${stem}.lora_down.weight`]: filled([1, 8], () => 1e30),
    [`${stem}.lora_up.weight`]: filled([8, 1], () => 1e30),
  };
  const lora = await read(factors);
  const weights = memoryWeights({ [`${query}.weight`]: filled([8, 8]) });
  await assert.rejects(mergeLora(weights, "unet", [{ lora, scale: 1 }]).read(`${query}.weight`), {
    name: "WeightsError",
    message: /would hold NaN or infinity/,
  });
  const metadata = { lora_adapter_metadata: JSON.stringify({ "unet.r": 0, "unet.lora_alpha": 1 }) };
  const full = { [`${stem}.lokr_w1`]: filled([8, 8]), [`${stem}.lokr_w2`]: filled([1, 1]) };
  await assert.rejects(read(full, { metadata }), { name: "WeightsError", message: /rank 0/ });
});

const none = { [Symbol.asyncDispose]: () => Promise.resolve() };
const broken: Readonly<Record<string, readonly [Partial<Model>, RegExp]>> = {
  "pixels of a VAE": [{
    vae: new LazyPart<Vae>(() =>
      Promise.resolve({
        ...none,
        traits: { latentChannels: 4, scale: 8 },
        encode: () => Promise.reject(),
        decode: () => Promise.resolve({ data: new Float32Array(768).fill(Infinity), shape: [1, 3, 16, 16] }),
      })
    ),
  }, /the VAE gave NaN or infinity/],
  "states of a text encoder": [{
    textEncoder: new LazyPart<TextEncoder>(() =>
      Promise.resolve({
        ...none,
        encode: ({ passes }) => {
          const states = { data: Float32Array.of(NaN), shape: [1, 1, 1] };
          return Promise.resolve({
            passes: passes.map((name) => ({ name, conditioning: { encoder_hidden_states: states } })),
          });
        },
      })
    ),
  }, /the text encoder gave NaN or infinity/],
};
for (const [what, [parts, message]] of Object.entries(broken)) {
  Deno.test(`${what} that are not finite are an error, not a black picture`, async () => {
    await using pipeline = new Pipeline({ ...testModel(), ...parts });
    await assert.rejects(pipeline.generate({ prompt: "", seed: 1 }), { name: "RangeError", message });
  });
}

Deno.test("prompts of many parts are refused, and long ones are read in time that grows with their length", async () => {
  const request = { prompts: [Array(40).fill("a").join(" AND ")], passes: ["unconditional", "conditional"] };
  await assert.rejects(
    encodeWeighted({ ...request, width: 8, height: 8 }, () => Promise.reject()),
    RangeError,
  );
  for (const unit of ["[:", "[a:", "1", " ", "[", ":|", "(["]) {
    promptSteps(unit.repeat(100_000 / unit.length), 1);
    promptParts(`a AND b:${unit.repeat(100_000 / unit.length)}x`);
  }
});
