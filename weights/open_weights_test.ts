import assert from "node:assert/strict";
import { counting, reference, temporaryFolder } from "../tests/weights_fixtures.ts";
import { memoryWeights } from "./memory.ts";
import { openWeights } from "./open_weights.ts";
import { joinWeights } from "./sharded.ts";
import { openWeightsFolder } from "./weights_folder.ts";
import { encodeSafetensors } from "./write_safetensors.ts";

const holding = (...names: string[]) =>
  encodeSafetensors(memoryWeights(Object.fromEntries(names.map((name) => [name, counting(2)]))));

const indexOf = (map: Record<string, unknown>) =>
  new TextEncoder().encode(JSON.stringify({ weight_map: map }));

/** A component's folder with these files, opened. */
async function openFiles(files: Record<string, Uint8Array>, variant?: string): Promise<string[]> {
  const folder = {
    name: "unet",
    files: Object.keys(files),
    source: (file: string) => files[file] ?? `/nowhere/${file}`,
  };
  await using weights = await openWeightsFolder(folder, variant === undefined ? {} : { variant });
  return [...weights.names()];
}

Deno.test("a path may be a file, or a component's folder with or without a slash", async () => {
  const unet = `${reference}/pipelines/sd15-tiny/unet`;
  for (const path of [unet, `${unet}/`, `${unet}/diffusion_pytorch_model.safetensors`]) {
    await using weights = await openWeights(path);
    assert.equal([...weights.names()].length, 686);
    assert.equal(weights.info("conv_in.bias")!.file!.path, `${unet}/diffusion_pytorch_model.safetensors`);
  }
  await using text = await openWeights(`${reference}/pipelines/sd15-tiny/text_encoder`);
  assert.equal([...text.names()].length, 53);
});

Deno.test("a path may be an index, from anywhere", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeFile(`${folder.path}/one.safetensors`, await holding("a"));
  await Deno.writeFile(`${folder.path}/two.safetensors`, await holding("b", "c"));
  const index = `${folder.path}/any.index.json`;
  await Deno.writeFile(index, indexOf({ a: "one.safetensors", b: "two.safetensors", c: "two.safetensors" }));
  await using weights = await openWeights(index);
  assert.deepEqual([...weights.names()], ["a", "b", "c"]);
  assert.equal(weights.info("c")!.file!.path, `${folder.path}/two.safetensors`);
  assert.equal((await weights.read("c")).length, 8);
  await assert.rejects(weights.read("d"), { name: "WeightsError" });
});

Deno.test("the variant is chosen: as asked, plain, or the only one", async () => {
  const [plain, half] = [await holding("plain"), await holding("half")];
  const both = { "model.fp16.safetensors": half, "model.safetensors": plain };
  assert.deepEqual(await openFiles(both), ["plain"]);
  assert.deepEqual(await openFiles(both, "fp16"), ["half"]);
  assert.deepEqual(await openFiles({ "model.fp16.safetensors": half, "config.json": plain }), ["half"]);
  assert.deepEqual(
    await openFiles({ "model.safetensors": half, "diffusion_pytorch_model.safetensors": plain }),
    ["plain"],
  );
  await assert.rejects(
    openFiles(both, "bf16"),
    /it has these variants: "fp16", the plain one, expected variant "bf16"/,
  );
  await assert.rejects(
    openFiles({ "model.fp16.safetensors": half, "model.non_ema.safetensors": half }),
    /Cannot open weights in "unet": it has these variants: "fp16", "non_ema", expected diffusion_pytorch_model/,
  );
});

Deno.test("shards: both ways to name a variant's index", async () => {
  const shard = await holding("a");
  for (const index of ["model.safetensors.index.fp16.json", "model.fp16.safetensors.index.json"]) {
    const name = "model.fp16-00001-of-00001.safetensors";
    assert.deepEqual(await openFiles({ [index]: indexOf({ a: name }), [name]: shard }, "fp16"), ["a"]);
  }
});

Deno.test("shards: what is missing or damaged is named", async () => {
  const index = "model.safetensors.index.json";
  const [a, b] = [await holding("a"), await holding("b")];
  const open = (map: Record<string, unknown>, files = {}) => openFiles({ [index]: indexOf(map), ...files });
  await assert.rejects(
    open({ a: "1.safetensors", b: "2.safetensors" }, { "1.safetensors": a }),
    /Cannot open shard "2.safetensors" of "unet"\. Cannot open "\/nowhere\/2.safetensors": there is no such file/,
  );
  await assert.rejects(
    open({ a: "1.safetensors" }, { "1.safetensors": a.subarray(0, 20) }),
    /Cannot open shard "1.safetensors" of "unet"\. Cannot open safetensors: it says that its header has/,
  );
  await assert.rejects(
    open({ a: "1.safetensors", c: "2.safetensors" }, { "1.safetensors": a, "2.safetensors": b }),
    /tensor "c" is not in "2.safetensors", where it should be/,
  );
  await assert.rejects(open({ a: "1.bin" }), /it is a pickle, .* Get "1.safetensors" in its place/);
  await assert.rejects(
    open({ a: "../1.safetensors" }),
    /is in "..\/1.safetensors", expected a file beside the index/,
  );
  await assert.rejects(open({ a: 1 }), /tensor "a" is in 1, expected a file beside the index/);
  await assert.rejects(open({}), /Cannot open "unet\/model.safetensors.index.json": it has no weight_map/);
  await assert.rejects(openFiles({ [index]: new TextEncoder().encode("{") }), /index.json": it is not JSON/);
});

Deno.test("nothing to open is said, and pickles with the file to get instead", async () => {
  await assert.rejects(openWeights("/nowhere"), /Cannot open "\/nowhere": there is no such file or folder/);
  await assert.rejects(openWeights("model.ckpt"), /Cannot open "model.ckpt": it is a pickle/);
  await assert.rejects(
    openFiles({}),
    /it has no such file, expected diffusion_pytorch_model.safetensors or model.saf/,
  );
  await assert.rejects(
    openFiles({ "pytorch_model.bin": new Uint8Array() }),
    /Cannot open "unet\/pytorch_model.bin": it is a pickle, .* Get "model.safetensors"/,
  );
});

Deno.test("joined weights: one name, one owner; disposed together", async () => {
  const disposed: string[] = [];
  const part = (name: string) => ({
    ...memoryWeights({ [name]: counting(1) }),
    [Symbol.asyncDispose]: () => Promise.resolve(void disposed.push(name)),
  });
  const joined = joinWeights([part("a"), part("b")]);
  assert.deepEqual([...joined.names()], ["a", "b"]);
  await joined[Symbol.asyncDispose]();
  assert.deepEqual(disposed, ["a", "b"]);
  assert.throws(
    () => joinWeights([part("a"), part("a")]),
    /Cannot join weights: two of them have a tensor "a"/,
  );
});
