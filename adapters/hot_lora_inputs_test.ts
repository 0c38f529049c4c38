import assert from "node:assert/strict";
import { unet } from "../models/unet.ts";
import { architecture, filled, pair, query, read } from "./_test_lora.ts";
import { hotLoraInputs, withLoraPorts } from "./mod.ts";

const kohya = "lora_unet_" + query.replaceAll(".", "_");
const ports = (modules: "attention" | "all", rank: number) =>
  withLoraPorts(unet(architecture), { modules, rank }).inputs;

Deno.test("factors stand side by side, scales folded in, zeros behind", async () => {
  const lora = await read(pair(kohya, [8, 8], { rank: 1 }));
  const inputs = hotLoraInputs(ports("attention", 4), "unet", [{ lora, scale: 2 }, { lora, scale: -1 }]);
  const { [`lora.${query}.down`]: down, [`lora.${query}.up`]: up } = inputs;
  assert.deepEqual([down!.shape, up!.shape], [[8, 4], [4, 8]]);
  assert.deepEqual([...down!.data.subarray(4, 8)], [2, 2, 0, 0]);
  assert.deepEqual([...up!.data.subarray(0, 3)], [2, 4, 6]);
  assert.deepEqual([...up!.data.subarray(8, 11)], [-1, -2, -3]);
  assert.ok(up!.data.subarray(16).every((value) => value === 0));
});

Deno.test("attention has ports at its projections; all, at every layer but depthwise convolutions", () => {
  const names = (inputs: ReturnType<typeof ports>) =>
    inputs.filter(({ name }) => /^lora\..*\.up$/.test(name));
  assert.ok(names(ports("attention", 2)).every(({ name }) => /attn\d\.to_(q|k|v|out\.0)\.up$/.test(name)));
  const graph = unet(architecture);
  assert.equal(
    names(ports("all", 2)).length,
    graph.nodes.filter(({ operator }) => operator === "linear" || operator === "conv2d").length,
  );
  const separable = {
    ...architecture,
    levels: architecture.levels.map((level) => ({ ...level, separable: true })),
  };
  const inputs = withLoraPorts(unet(separable), { modules: "all", rank: 2 }).inputs;
  assert.ok(inputs.some(({ name }) => name.includes("pointwise")));
  assert.ok(!inputs.some(({ name }) => name.includes("depthwise")));
});

Deno.test("every port has a value of its shape, and no size is 0", () => {
  const inputs = hotLoraInputs(ports("all", 3), "unet", []);
  for (const { name, shape } of ports("all", 3).filter(({ name }) => name.startsWith("lora."))) {
    assert.deepEqual(inputs[name]!.shape, shape);
    assert.ok(shape.every((size) => Number(size) > 0));
    assert.ok(inputs[name]!.data.every((value) => value === 0));
  }
});

Deno.test("what ports cannot hold is refused", async () => {
  const lora = await read(pair(kohya, [8, 8]));
  assert.throws(() => hotLoraInputs(ports("attention", 3), "unet", [{ lora }, { lora, scale: 0.1 }]), {
    name: "RangeError",
    message:
      /the ranks at "mid_block.*to_q" are 2 \+ 2 = 4, but the ports hold 3\. Load the model with ports of rank 4/,
  });
  const feedForward = "mid_block.attentions.0.transformer_blocks.0.ff.net.2";
  const other = await read(pair("lora_unet_" + feedForward.replaceAll(".", "_"), [8, 32]));
  assert.throws(() => hotLoraInputs(ports("attention", 8), "unet", [{ lora: other }]), {
    name: "UnsupportedModelError",
    message: new RegExp(`without a port for "${feedForward}"`),
  });
  const half = (n: 1 | 2) => ({
    [`${kohya}.hada_w${n}_a`]: filled([8, 2]),
    [`${kohya}.hada_w${n}_b`]: filled([2, 8]),
  });
  const loha = await read({ ...half(1), ...half(2) });
  assert.throws(() => hotLoraInputs(ports("attention", 8), "unet", [{ lora: loha }]), {
    name: "UnsupportedModelError",
    message: /is a LoHa, which ports cannot hold\. Merge it/,
  });
  assert.throws(() => withLoraPorts(unet(architecture), { modules: "all", rank: 0 }), { name: "RangeError" });
});
