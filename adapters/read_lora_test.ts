import assert from "node:assert/strict";
import { filled, modules, pair, query, read } from "./_test_lora.ts";
import { addChanges } from "./_matrices.ts";
import { type Lora, openLoraFile, readLora } from "./mod.ts";
import { memoryWeights } from "../weights/memory.ts";
import { encodeSafetensors } from "../weights/write_safetensors.ts";

const kohya = "lora_unet_" + query.replaceAll(".", "_");
const square = [8, 8] as const;

Deno.test("every module is found under every spelling", async () => {
  const styles = [
    {
      unet: kohyaOf("lora_unet_"),
      textEncoder: kohyaOf("lora_te_"),
      down: ".lora_down.weight",
      up: ".lora_up.weight",
    },
    {
      unet: after("unet."),
      textEncoder: after("text_encoder."),
      down: ".lora_A.weight",
      up: ".lora_B.weight",
    },
    { unet: after(""), textEncoder: after(""), down: ".lora.down.weight", up: ".lora.up.weight" },
    {
      unet: after("base_model.model."),
      textEncoder: after("base_model.model."),
      down: ".lora_A.default.weight",
      up: ".lora_B.default.weight",
    },
    {
      unet: after("unet."),
      textEncoder: (module: string) => `text_encoder.${module.slice("text_model.".length)}`,
      down: ".lora_linear_layer.down.weight",
      up: ".lora_linear_layer.up.weight",
    },
  ];
  for (const { down, up, ...spell } of styles) {
    const tensors = Object.assign(
      {},
      ...(["unet", "textEncoder"] as const).flatMap((target) =>
        [...modules[target]].map(([module, [outputs, ...inputs]]) => {
          const columns = inputs.reduce((product, size) => product * size, 1);
          return pair(spell[target](module), [outputs!, columns], { down, up });
        })
      ),
    );
    const { layers } = await read(tensors);
    assert.deepEqual(
      layers.map(({ target, module }) => `${target} ${module}`),
      (["unet", "textEncoder"] as const).flatMap((target) =>
        [...modules[target].keys()].map((m) => `${target} ${m}`)
      ),
    );
  }
});

Deno.test("attention processors and the original block names of Stable Diffusion", async () => {
  const names: Readonly<Record<string, string>> = {
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora":
      "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
    lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q:
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    lora_unet_input_blocks_2_0_in_layers_2: "down_blocks.0.resnets.1.conv1",
    lora_unet_input_blocks_3_0_op: "down_blocks.0.downsamplers.0.conv",
    lora_unet_middle_block_2_out_layers_3: "mid_block.resnets.1.conv2",
    lora_unet_output_blocks_2_1_conv: "up_blocks.0.upsamplers.0.conv",
    lora_unet_output_blocks_5_1_proj_out: "up_blocks.1.attentions.2.proj_out",
    lora_unet_time_embed_2: "time_embedding.linear_2",
  };
  for (const [stem, module] of Object.entries(names)) {
    const [outputs, ...inputs] = modules.unet.get(module)!;
    const suffix = stem.endsWith("_lora") ? { down: ".down.weight", up: ".up.weight" } : {};
    const columns = inputs.reduce((product, size) => product * size, 1);
    const { layers } = await read(pair(stem, [outputs!, columns], suffix));
    assert.deepEqual(layers.map((layer) => layer.module), [module]);
  }
});

Deno.test("scale is alpha / rank, from the file, from the metadata, or 1", async () => {
  const scaleOf = ({ layers: [layer] }: Lora) => layer!.scale;
  const peft = pair(`unet.${query}`, square, { down: ".lora_A.weight", up: ".lora_B.weight" });
  const metadata = (settings: unknown) => ({ metadata: { lora_adapter_metadata: JSON.stringify(settings) } });
  assert.equal(scaleOf(await read(pair(kohya, square))), 1);
  assert.equal(scaleOf(await read({ ...pair(kohya, square), [`${kohya}.alpha`]: filled([], () => 3) })), 1.5);
  assert.equal(scaleOf(await read(peft, metadata({ "unet.lora_alpha": 8 }))), 4);
  assert.equal(scaleOf(await read(peft, metadata({ lora_alpha: 8 }))), 4);
  assert.equal(
    scaleOf(await read(peft, metadata({ "unet.lora_alpha": 8, "unet.alpha_pattern": { "attn1.to_q": 6 } }))),
    3,
  );
  assert.equal(
    scaleOf(await read(peft, metadata({ "unet.lora_alpha": 4, "unet.use_rslora": true }))),
    4 / Math.SQRT2,
  );
  assert.equal(scaleOf(await read(peft, metadata({ "text_encoder.lora_alpha": 8 }))), 1);
});

Deno.test("PEFT's configuration: patterns are ends or expressions, and what makes other weights is refused", async () => {
  const peft = pair(`unet.${query}`, square, { down: ".lora_A.weight", up: ".lora_B.weight" });
  const scaleOf = async (settings: unknown) => {
    const metadata = { lora_adapter_metadata: JSON.stringify(settings) };
    return (await read(peft, { metadata })).layers[0]!.scale;
  };
  for (
    const [pattern, expected] of [
      ["to_q", 3],
      [query, 3],
      ["attn1.to_[qk]", 3],
      ["mid_block.*to_q", 3],
      ["transformer_blocks\\.\\d+\\.attn1\\.(to_q|to_k)", 3],
      ["^mid_block.*to_q", 3],
      ["q", 4], // no whole part of the path
      ["mid_block", 4], // no end of it
      ["to_k", 4],
    ] as const
  ) {
    assert.equal(await scaleOf({ lora_alpha: 8, alpha_pattern: { [pattern]: 6 } }), expected, pattern);
  }
  for (const pattern of ["(a+)+", "a*b*c*d*", "(?=x)", "["]) {
    await assert.rejects(scaleOf({ lora_alpha: 8, alpha_pattern: { [pattern]: 6 } }), {
      name: "UnsupportedModelError",
      message: /has the pattern ".*", expected ends of modules' names/,
    });
  }
  for (
    const [name, value] of [
      ["init_lora_weights", "pissa_niter_4"],
      ["init_lora_weights", "olora"],
      ["fan_in_fan_out", true],
      ["modules_to_save", ["conv_in"]],
      ["use_qalora", true],
      ["trainable_token_indices", [7]],
    ] as const
  ) {
    const message = new RegExp(`its configuration says ${name}: .*, which is not done here`);
    await assert.rejects(scaleOf({ lora_alpha: 8, [name]: value }), {
      name: "UnsupportedModelError",
      message,
    });
  }
  const usual = { init_lora_weights: "gaussian", fan_in_fan_out: false, modules_to_save: null, bias: "none" };
  assert.equal(await scaleOf({ lora_alpha: 8, ...usual }), 4);
});

Deno.test("PEFT's file without its alpha is taken at 1, and that is said", async () => {
  const ends = { down: ".lora_A.weight", up: ".lora_B.weight" };
  const warned = async (stem: string, metadata: Readonly<Record<string, string>> = {}, alpha = false) => {
    const warnings: string[] = [];
    const more = alpha ? { [`${stem}.alpha`]: filled([], () => 3) } : {};
    await read({ ...pair(stem, square, ends), ...more }, {
      metadata,
      onWarning: (text) => warnings.push(text),
    });
    return warnings;
  };
  const [warning, ...others] = await warned(`base_model.model.${query}`);
  assert.match(warning!, /PEFT's, which keeps its alpha in adapter_config.json, and there is none beside it/);
  assert.deepEqual(others, []);
  assert.deepEqual(
    await warned(`base_model.model.${query}`, { lora_adapter_metadata: '{"lora_alpha":8}' }),
    [],
  );
  assert.deepEqual(await warned(`base_model.model.${query}`, {}, true), []);
  assert.deepEqual(await warned(`unet.${query}`), []);
});

Deno.test("PEFT's configuration is read beside a file of any name, and beside no file of others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const ends = { down: ".lora_A.weight", up: ".lora_B.weight" };
    for (
      const [name, stem] of [["style", `base_model.model.${query}`], ["other", `unet.${query}`]] as const
    ) {
      const bytes = await encodeSafetensors(memoryWeights(pair(stem, square, ends)));
      await Deno.writeFile(`${folder}/${name}.safetensors`, bytes);
    }
    await Deno.writeTextFile(`${folder}/adapter_config.json`, '{"r":2,"lora_alpha":8}');
    for (const [name, expected] of [["style", 4], ["other", 1]] as const) {
      await using file = await openLoraFile(`${folder}/${name}.safetensors`);
      assert.equal((await readLora(file, modules)).layers[0]!.scale, expected);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("LoCon's and LoHa's window cores are written out", async () => {
  const conv = "mid_block.resnets.0.conv1"; // [8, 8, 3, 3]
  const stem = "lora_unet_" + conv.replaceAll(".", "_");
  const small = (seed: number) => (i: number) => Math.sin(seed + 3 * i);
  const [up, mid, down] = [
    filled([8, 2], small(1)),
    filled([2, 3, 3, 3], small(2)),
    filled([3, 8], small(3)),
  ];
  const at = ({ data, shape }: ReturnType<typeof filled>, ...index: number[]) =>
    (data as Float32Array)[index.reduce((offset, i, axis) => offset * shape[axis]! + i, 0)]!;
  const core = (o: number, i: number, w: number) => {
    let sum = 0;
    for (let p = 0; p < 2; p++) {
      for (let q = 0; q < 3; q++) {
        sum += at(up, o, p) * at(mid, p, q, Math.floor(w / 3), w % 3) * at(down, q, i);
      }
    }
    return sum;
  };
  const locon = await read({
    [`${stem}.lora_up.weight`]: { ...up, shape: [8, 2, 1, 1] },
    [`${stem}.lora_mid.weight`]: mid,
    [`${stem}.lora_down.weight`]: { ...down, shape: [3, 8, 1, 1] },
  });
  const turned = filled([2, 8], (i) => at(up, i % 8, Math.floor(i / 8)));
  const loha = await read(Object.fromEntries([1, 2].flatMap((half) => [
    [`${stem}.hada_w${half}_a`, turned],
    [`${stem}.hada_t${half}`, mid],
    [`${stem}.hada_w${half}_b`, down],
  ])));
  const [once, twice] = [locon, loha].map(({ layers }) => {
    const weight = new Float32Array(8 * 8 * 9);
    addChanges(weight, layers);
    return weight;
  });
  for (let i = 0; i < once!.length; i++) {
    const expected = core(Math.floor(i / 72), Math.floor(i / 9) % 8, i % 9);
    assert.ok(Math.abs(once![i]! - expected) < 1e-5, `LoCon ${i}`);
    assert.ok(Math.abs(twice![i]! - expected ** 2) < 1e-4, `LoHa ${i}`);
  }
});

Deno.test("other kinds of adapters are refused by name", async () => {
  const kinds = {
    [`${kohya}.oft_blocks`]:
      /"lora_unet_mid.*oft_blocks" belongs to an adapter of the kind OFT, expected DoRA, LoRA, LoHa/,
    [`${kohya}.on_input`]: /the kind \(IA\)³/,
    [`${kohya}.a1.weight`]: /the kind GLoRA/,
    [`base_model.model.${query}.boft_R`]: /the kind OFT/,
    [`base_model.model.${query}.ia3_l`]: /the kind \(IA\)³/,
    [`base_model.model.${query}.lora_E`]: /the kind AdaLoRA/,
    [`base_model.model.${query}.lora_A`]: /the kind AdaLoRA/,
    [`base_model.model.${query}.vera_lambda_b`]: /the kind VeRA/,
    [`base_model.model.${query}.hra_u`]: /the kind HRA/,
    "base_model.model.text_model.embeddings.token_embedding.lora_embedding_A": /LoRA of a table of words/,
    "unet.mid_block.attn2.processor.to_k_custom_diffusion.weight": /the kind custom diffusion/,
    [`diffusion_model.middle_block.1.proj_in.reshape_weight`]: /the kind weights of another shape/,
    [`base_model.model.${query}.weight`]:
      /a weight in place of the model's own, as a whole network or PEFT's/,
    "unet.conv_in.bias": /"unet.conv_in.bias" is a weight in place of the model's own/,
  };
  for (const [key, message] of Object.entries(kinds)) {
    const file = { ...pair(kohya, square), [key]: filled([8, 8]) };
    await assert.rejects(read(file, { strict: false }), { name: "UnsupportedModelError", message });
  }
});

Deno.test("keys without a module are an error, or a list", async () => {
  const file = {
    ...pair(kohya, square),
    ...pair("lora_unet_mid_block_nowhere", square),
    "bundle_emb.x": filled([1]),
  };
  await assert.rejects(read(file), {
    name: "WeightsError",
    message: /belong to no layer of the model; 1 layers do.*readBundledInversions/,
  });
  const { layers, unmatched } = await read(file, { strict: false });
  assert.equal(layers.length, 1);
  assert.equal(unmatched.length, 3);
  await assert.rejects(read(pair("lora_unet_nowhere", square), { strict: false }), {
    message: /no key fits/,
  });
  await assert.rejects(
    read(pair("lora_unet_nowhere", square), { metadata: { ss_base_model_version: "sdxl" } }),
    {
      message: /no key fits the model\. Its header says that it is for "sdxl"/,
    },
  );
  await assert.rejects(read({}), { name: "WeightsError", message: /the file is empty/ });
});

Deno.test("bad factors are clear errors", async () => {
  const [down, up] = [`${kohya}.lora_down.weight`, `${kohya}.lora_up.weight`];
  const good = pair(kohya, square);
  const cases: readonly (readonly [Parameters<typeof read>[0], RegExp])[] = [
    [{ [down]: good[down]! }, /lora_down.weight" stands alone, expected the factor "up"/],
    [{ ...good, [up]: filled([8, 3]) }, /lora_up.weight" has rank 3, but ".*lora_down.weight" has 2/],
    [{ [down]: filled([0, 8]), [up]: filled([8, 0]) }, /has rank 0, expected 1 or more/],
    [{ ...good, [down]: filled([2, 8], (i) => i === 5 ? NaN : 1) }, /lora_down.weight" holds NaN/],
    [{ ...good, [up]: filled([8, 2], () => Infinity) }, /lora_up.weight" holds Infinity/],
    [
      { ...good, [`${kohya}.alpha`]: filled([], () => 0) },
      /alpha" is alpha 0, expected a finite number other than 0/,
    ],
    [{ ...good, [`${kohya}.alpha`]: filled([], () => NaN) }, /alpha NaN/],
    [pair(kohya, [4, 8]), /changes a weight of 4 × 8, the model's is 8 × 8/],
    [{ ...good, [down]: filled([16]) }, /has shape \[16\], expected a matrix/],
  ];
  for (const [tensors, message] of cases) {
    await assert.rejects(read(tensors), { name: "WeightsError", message });
  }
});

Deno.test("a LoRA for another architecture says which", async () => {
  const cross = "lora_unet_input_blocks_4_1_transformer_blocks_9_attn2_to_k";
  await assert.rejects(read(pair(cross, [640, 2048])), {
    name: "WeightsError",
    message: /was made for a text width of 2048 \(SDXL\), expected 6\.$/,
  });
  await assert.rejects(
    read(pair("transformer.blocks.0.attn.to_q", square, { down: ".lora_A.weight", up: ".lora_B.weight" })),
    {
      name: "WeightsError",
      message: /is for a transformer, expected a UNet/,
    },
  );
});

function kohyaOf(prefix: string): (module: string) => string {
  return (module) => prefix + module.replaceAll(".", "_");
}

function after(prefix: string): (module: string) => string {
  return (module) => prefix + module;
}
