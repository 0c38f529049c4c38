import assert from "node:assert/strict";
import { type MemoryTensor, memoryWeights } from "../weights/memory.ts";
import { readFloat32 } from "../weights/read_float.ts";
import { encodeSafetensors } from "../weights/write_safetensors.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { filled, modules, pair, query, read } from "./_test_lora.ts";
import {
  hotLoraInputs,
  mergeLora,
  type ModuleShapes,
  openLoraFile,
  readLora,
  type WeightAdapter,
} from "./mod.ts";

const data = new URL("../tests/data/adapters/", import.meta.url).pathname;
const shapes: ModuleShapes = new Map([["linear", [12, 8]], ["conv", [6, 4, 3, 3]], ["point", [4, 6, 1, 1]]]);

/** The weights of a network under a prefix of the reference. */
async function reference(prefix: string): Promise<Map<string, MemoryTensor>> {
  await using file = await openSafetensors(`${data}expected.safetensors`);
  const found = [...file.names()].filter((name) => name.startsWith(`${prefix}.`));
  return new Map(
    await Promise.all(found.map(async (name) => {
      const tensor = {
        dtype: "F32",
        shape: file.info(name)!.shape,
        data: await readFloat32(file, name),
      } as const;
      return [name.slice(prefix.length + 1), tensor] as const;
    })),
  );
}

for (
  const kind of [
    "lora",
    "rslora",
    "lora_bias",
    "dora",
    "loha",
    "loha_window",
    "lokr",
    "lokr_whole",
    "lokr_both",
    "lokr_window",
  ]
) {
  Deno.test(`${kind}: the weights that PEFT makes of its own files`, async () => {
    await using file = await openLoraFile(`${data}${kind}`);
    const lora = await readLora(file, { unet: shapes });
    const base = memoryWeights(Object.fromEntries(await reference("base")));
    const merged = mergeLora(base, "unet", [{ lora }]);
    for (const [name, { data: expected }] of await reference(kind)) {
      const values = await readFloat32(merged, name);
      const error = values.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (expected as Float32Array)[i]!)),
        0,
      );
      assert.ok(error < 2e-6, `${name}: ${error}`); // float32 roundings of sums of a few products
      if (name.endsWith("weight")) assert.notDeepEqual(values, await readFloat32(base, name));
    }
  });
}

const kohya = "lora_unet_" + query.replaceAll(".", "_");
/** The weight of the query, `[8, 8]`, with a LoRA at a scale. */
async function merged(tensors: Readonly<Record<string, MemoryTensor>>, scale = 1): Promise<Float32Array> {
  const base = memoryWeights({ [`${query}.weight`]: weight, [`${query}.bias`]: filled([8], () => 1) });
  const lora = await read(tensors);
  return await readFloat32(mergeLora(base, "unet", [{ lora, scale }]), `${query}.weight`);
}
const weight = filled([8, 8], (i) => Math.sin(i + 1));
const small = (shape: readonly number[], seed: number) => filled(shape, (i) => Math.cos(seed + 2 * i) / 3);
const at = (tensor: MemoryTensor, row: number, column: number) =>
  Number((tensor.data as Float32Array)[row * tensor.shape[1]! + column]);
const close = (values: Float32Array, expected: (row: number, column: number) => number) => {
  for (let i = 0; i < 64; i++) {
    const wanted = expected(Math.floor(i / 8), i % 8);
    assert.ok(
      Math.abs(values[i]! - wanted) < 1e-5,
      `[${Math.floor(i / 8)}, ${i % 8}]: ${values[i]}, ${wanted}`,
    );
  }
};
const w = (row: number, column: number) => at(weight, row, column);

Deno.test("LoKr of LyCORIS: alpha / rank where a factor has a rank, 1 where both are whole", async () => {
  const [w1, w2, a, b] = [small([2, 4], 1), small([4, 2], 2), small([4, 3], 3), small([3, 2], 4)];
  const kron = (second: (p: number, q: number) => number) => (row: number, column: number) =>
    at(w1, Math.floor(row / 4), Math.floor(column / 2)) * second(row % 4, column % 2);
  const whole = {
    [`${kohya}.lokr_w1`]: w1,
    [`${kohya}.lokr_w2`]: w2,
    [`${kohya}.alpha`]: filled([], () => 5),
  };
  close(await merged(whole), (r, c) => w(r, c) + kron((p, q) => at(w2, p, q))(r, c));
  const product = (p: number, q: number) => [0, 1, 2].reduce((sum, k) => sum + at(a, p, k) * at(b, k, q), 0);
  const factored = { [`${kohya}.lokr_w1`]: w1, [`${kohya}.lokr_w2_a`]: a, [`${kohya}.lokr_w2_b`]: b };
  close(
    await merged({ ...factored, [`${kohya}.alpha`]: filled([], () => 6) }, 0.5),
    (r, c) => w(r, c) + 0.5 * 2 * kron(product)(r, c),
  );
  await assert.rejects(merged({ ...whole, [`${kohya}.lokr_w2`]: small([4, 3], 1) }), {
    name: "WeightsError",
    message: /the factors at "mid_block.*" are 2 × 4 and 4 × 3, expected ones whose sizes multiply to 8 × 8/,
  });
});

Deno.test("DoRA of kohya and LyCORIS: norms per output or per input, and the scale between W and W'", async () => {
  const lora = pair(kohya, [8, 8]);
  const tensors = Object.fromEntries(Object.keys(lora).map((key, i) => [key, small(lora[key]!.shape, i)]));
  const [down, up] = [tensors[`${kohya}.lora_down.weight`]!, tensors[`${kohya}.lora_up.weight`]!];
  const v = (r: number, c: number) =>
    w(r, c) + 2 * (at(up, r, 0) * at(down, 0, c) + at(up, r, 1) * at(down, 1, c));
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  const rowNorm = (r: number) => Math.sqrt(all.reduce((sum, c) => sum + v(r, c) ** 2, 0));
  const columnNorm = (c: number) => Math.sqrt(all.reduce((sum, r) => sum + v(r, c) ** 2, 0));
  const alpha = { [`${kohya}.alpha`]: filled([], () => 4) };
  const perOutput = { ...tensors, ...alpha, [`${kohya}.dora_scale`]: filled([8, 1]) };
  close(await merged(perOutput), (r, c) => (r + 1) / rowNorm(r) * v(r, c));
  const perInput = { ...tensors, ...alpha, [`${kohya}.dora_scale`]: filled([1, 8]) };
  close(await merged(perInput), (r, c) => (c + 1) / columnNorm(c) * v(r, c));
  close(
    await merged(perInput, 0.25),
    (r, c) => w(r, c) + 0.25 * ((c + 1) / columnNorm(c) * v(r, c) - w(r, c)),
  );
  close(await merged(perInput, 0), w);
  await assert.rejects(
    merged({ [`${kohya}.dora_scale`]: filled([8, 1]) }),
    /stands alone, expected factors beside/,
  );
  await assert.rejects(
    merged({ ...tensors, [`${kohya}.dora_scale`]: filled([3]) }),
    /has shape \[3\], expected/,
  );
});

Deno.test("full differences change weights, biases and normalisations, beside factors too", async () => {
  const [norm, out] = ["mid_block.attentions.0.norm", "mid_block.attentions.0.proj_in"];
  const spelled = (module: string) => `lora_unet_${module.replaceAll(".", "_")}`;
  const shape = modules.unet.get(out)!;
  const lora = await read({
    ...pair(spelled(out), [8, 8]),
    [`${spelled(out)}.diff_b`]: filled([8]),
    [`diffusion_model.middle_block.1.norm.diff`]: filled([8]),
    [`${spelled(norm)}.b_norm`]: filled([8], () => 3),
    [`${kohya}.diff`]: filled([8, 8]),
  });
  const base = memoryWeights({
    [`${out}.weight`]: filled(shape, () => 0),
    [`${out}.bias`]: filled([8], () => 1),
    [`${norm}.weight`]: filled([8], () => 1),
    [`${norm}.bias`]: filled([8], () => 1),
    [`${query}.weight`]: weight,
  });
  const half = mergeLora(base, "unet", [{ lora, scale: 0.5 }]);
  const values = async (name: string) => [...await readFloat32(half, name)];
  assert.deepEqual(await values(`${out}.bias`), [1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]);
  assert.deepEqual(await values(`${norm}.weight`), [1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]);
  assert.deepEqual(await values(`${norm}.bias`), Array(8).fill(2.5));
  close(Float32Array.from(await values(`${query}.weight`)), (r, c) => w(r, c) + (8 * r + c + 1) / 2);
  close(Float32Array.from(await values(`${out}.weight`)), (r, c) => {
    const [first, second] = [(2 * r + 1) * (c + 1), (2 * r + 2) * (8 + c + 1)];
    return (first + second) / 2;
  });
  await assert.rejects(read({ [`${kohya}.diff`]: filled([8, 4]) }), /has shape \[8,4\], expected \[8,8\]/);
  const unbiased = await read({ [`${kohya}.diff_b`]: filled([8]) });
  const without = memoryWeights({ [`${query}.weight`]: weight });
  assert.throws(
    () => mergeLora(without, "unet", [{ lora: unbiased }]),
    /changes "mid_block.*bias", but the model has/,
  );
});

Deno.test("a trained scalar counts once", async () => {
  const plain = await merged(pair(kohya, [8, 8]), 0.5);
  assert.deepEqual(
    await merged({ ...pair(kohya, [8, 8]), [`${kohya}.scalar`]: filled([], () => 0.5) }),
    plain,
  );
});

Deno.test("a kind of one's own is read, merged, and refused where ports cannot hold it", async () => {
  const sign: WeightAdapter = {
    kind: "sign",
    roles: { sign: /\.sign$/ },
    recognises: (roles) => roles.has("sign"),
    async read(tensors) {
      const { data: [step = 0] } = await tensors.tensor("sign");
      return {
        scale: await tensors.scale(),
        delta: (weight) => weight.map((value) => step * Math.sign(value)),
      };
    },
  };
  const tensors = { [`${kohya}.sign`]: filled([1], () => 0.25) };
  await assert.rejects(read(tensors), /no key fits the model/);
  const lora = await read(tensors, { adapters: [sign] });
  const base = memoryWeights({ [`${query}.weight`]: weight });
  const values = await readFloat32(mergeLora(base, "unet", [{ lora, scale: 2 }]), `${query}.weight`);
  close(values, (r, c) => w(r, c) + 0.5 * Math.sign(w(r, c)));
  const ports = [{ name: `lora.${query}.down`, shape: [8, 2] }, { name: `lora.${query}.up`, shape: [2, 8] }];
  assert.throws(() => hotLoraInputs(ports, "unet", [{ lora }]), {
    name: "UnsupportedModelError",
    message: /its layer "mid_block.*" is a sign, which ports cannot hold\. Merge it instead/,
  });
});

Deno.test("every prefix goes with every name of a path and every end", async () => {
  const module = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"; // [4, 4]
  const original = "input_blocks.1.1.transformer_blocks.0.attn1.to_q";
  const text = "text_model.encoder.layers.1.mlp.fc1"; // [12, 6]
  const places: readonly (readonly [string, readonly [number, number], readonly string[]])[] = [
    [module, [4, 4], [
      ...[
        "unet.",
        "",
        "base_model.model.",
        "base_model.model.unet.",
        "diffusion_model.",
        "model.diffusion_model.",
      ]
        .flatMap((prefix) => [prefix + module, prefix + original]),
      ...["lora_unet_", "lycoris_", "diffusion_model_"]
        .flatMap((prefix) => [module, original].map((name) => prefix + name.replaceAll(".", "_"))),
    ]],
    [text, [12, 6], [
      ...["text_encoder.", "", "base_model.model.", "text_encoders.clip_l.transformer.", "clip_l."]
        .flatMap((prefix) => [prefix + text, prefix + text.slice("text_model.".length)]),
      ...["lora_te_", "lora_te1_", "transformer_", "0_transformer_"].map((prefix) =>
        prefix + text.replaceAll(".", "_")
      ),
      "lora_te_resblocks_1_mlp_c_fc",
    ]],
  ];
  const ends = [
    [".lora_down.weight", ".lora_up.weight"],
    [".lora_A.weight", ".lora_B.weight"],
    [".lora_A.default.weight", ".lora_B.default.weight"],
    [".lora.down.weight", ".lora.up.weight"],
    [".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"],
  ];
  for (const [expected, size, stems] of places) {
    for (const stem of stems) {
      for (const [down, up] of ends) {
        const { layers, unmatched } = await read(pair(stem, size, { down: down!, up: up! }));
        assert.deepEqual([layers.map((layer) => layer.module), unmatched], [[expected], []], stem + down);
      }
    }
  }
});

Deno.test("files that were changed give one clear error or a LoRA", async () => {
  const files = await Promise.all([
    encodeSafetensors(memoryWeights({ ...pair(kohya, [8, 8]), [`${kohya}.alpha`]: filled([], () => 1) })),
    encodeSafetensors(memoryWeights({ ...pair(kohya, [8, 8]), [`${kohya}.dora_scale`]: filled([8, 1]) })),
    encodeSafetensors(
      memoryWeights({ [`${kohya}.lokr_w1`]: small([2, 4], 1), [`${kohya}.lokr_w2`]: small([4, 2], 2) }),
    ),
    encodeSafetensors(memoryWeights({ [`${kohya}.diff`]: filled([8, 8]), [`${kohya}.diff_b`]: filled([8]) })),
  ]);
  const base = memoryWeights({ [`${query}.weight`]: weight, [`${query}.bias`]: filled([8]) });
  let state = 7;
  const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
  const count = Deno.env.get("LONG") === "1" ? 10_000 : 400;
  let read = 0;
  for (let i = 0; i < count; i++) {
    const bytes = files[below(files.length)]!.slice();
    for (let change = 0; change <= below(3); change++) bytes[below(bytes.length)] = below(256);
    const cut = below(10) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
    try {
      await using file = await openLoraFile(cut);
      const lora = await readLora(file, modules, { strict: below(2) === 0 });
      await readFloat32(mergeLora(base, "unet", [{ lora }]), `${query}.weight`);
      read++;
    } catch (error) {
      assert.match(
        (error as Error).name,
        /^(WeightsError|UnsupportedModelError)$/,
        `${(error as Error).stack}`,
      );
      assert.match((error as Error).message, /^Cannot (open|load|merge|read) /);
    }
  }
  assert.ok(read > count / 20, `${read} were read`);
});
