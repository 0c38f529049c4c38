import assert from "node:assert/strict";
import { encodeModel, onnxTypes } from "../graph/onnx_proto.ts";
import { castWeights } from "../weights/cast.ts";
import { memoryWeights } from "../weights/memory.ts";
import { quantised } from "../weights/quantise.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { Weights } from "../weights/weights.ts";
import { writeSafetensors } from "../weights/write_safetensors.ts";
import { layer, layerInput, layerOutput, layerWeight, runScript } from "./_testing.ts";
import { native } from "./native.ts";

const silent = () => assert.fail("nothing to warn of");

Deno.test("native maps weights from their file, through links, and writes nothing", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/blobs`);
  await writeSafetensors(`${folder.path}/blobs/0a1b`, memoryWeights({ "it.weight": layerWeight }));
  await Deno.symlink("blobs/0a1b", `${folder.path}/model.safetensors`);
  await using weights = await openSafetensors(`${folder.path}/model.safetensors`);
  const closed: Weights = { ...weights, read: () => assert.fail("the runtime reads the file by itself") };
  await using runner = await native({ scratchFolder: "/nowhere", onWarning: silent }).load(layer(closed));
  assert.deepEqual(await runner.run(layerInput), layerOutput);
});

Deno.test("native maps half-precision and 8-bit files", async () => {
  await using folder = await temporaryFolder();
  const original = memoryWeights({ "it.weight": layerWeight });
  const small = quantised(original, { select: () => true });
  for (const [name, stored] of Object.entries({ half: castWeights(original, "F16"), small })) {
    await writeSafetensors(`${folder.path}/${name}`, stored);
    await using weights = await openSafetensors(`${folder.path}/${name}`);
    await using runner = await native({ scratchFolder: "/nowhere", onWarning: silent }).load(layer(weights));
    const { y } = await runner.run(layerInput);
    assert.ok("data" in y!);
    y.data.forEach((value, i) => assert.ok(Math.abs(Number(value) + 2) < 0.05, `${name} ${i}`));
  }
});

Deno.test("native puts computed weights into a scratch file and removes it", async () => {
  await using folder = await temporaryFolder();
  const backend = native({ scratchFolder: folder.path, onWarning: silent });
  const left = `${folder.path}/mobile-diffusion-999999999-abcdef`; // of a process that was killed
  await Deno.mkdir(left);
  await Deno.utime(left, 0, 0);
  const seen: (number | null)[] = [];
  const { InferenceSession } = await import("onnxruntime-node");
  const create = InferenceSession.create;
  InferenceSession.create = ((...given: Parameters<typeof create>) => {
    const [own] = [...Deno.readDirSync(folder.path)].map(({ name }) => `${folder.path}/${name}`);
    for (const path of [own!, `${own}/weights.safetensors`]) seen.push(Deno.statSync(path).mode);
    return create.apply(InferenceSession, given);
  }) as typeof create;
  const runner = await backend.load(layer()).finally(() => InferenceSession.create = create);
  assert.deepEqual(seen.map((mode) => mode! & 0o777), [0o700, 0o600]);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []); // it is mapped, and needs no name
  assert.deepEqual(await runner.run(layerInput), layerOutput);
  await runner[Symbol.asyncDispose]();
  assert.equal([...Deno.readDirSync(folder.path)].length, 0);
  const broken: Weights = {
    ...memoryWeights({ "it.weight": layerWeight }),
    read: () => Promise.reject(new Error("broken")),
  };
  await assert.rejects(() => native({ scratchFolder: folder.path }).load(layer(broken)), /broken/);
  assert.equal([...Deno.readDirSync(folder.path)].length, 0);
});

Deno.test("native holds computed weights in memory where it cannot write, and says so", async () => {
  const warnings: string[] = [];
  const backend = native({ scratchFolder: "/nowhere", onWarning: (message) => warnings.push(message) });
  await using runner = await backend.load(layer());
  assert.deepEqual(await runner.run(layerInput), layerOutput);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^The weights of layer are held in memory/);
});

Deno.test("native reads an ONNX model's external data beside it, also through links", async () => {
  await using folder = await temporaryFolder();
  const warnings: string[] = [];
  const backend = native({ onWarning: (message) => warnings.push(message) });
  const repository = `${folder.path}/models--owner--name`; // as Hugging Face's cache has it
  const unet = `${repository}/snapshots/${"0".repeat(40)}/unet`;
  const load = () => backend.load({ kind: "onnx", model: `${unet}/model.onnx` });
  await Deno.mkdir(unet, { recursive: true });
  await Deno.mkdir(`${repository}/blobs`);
  await Deno.writeFile(`${unet}/model.onnx`, tripling("data/model.onnx_data"));
  await assert.rejects(load, { name: "WeightsError", message: /model\.onnx_data/ });

  await Deno.mkdir(`${unet}/data`);
  await Deno.writeFile(`${repository}/blobs/0a1b`, new Uint8Array(Float32Array.of(3).buffer));
  await Deno.copyFile(`${repository}/blobs/0a1b`, `${unet}/data/model.onnx_data`);
  for (const expected of [0, 1]) {
    await using runner = await load();
    assert.deepEqual(await runner.run({ x: { data: Float32Array.of(2), shape: [1] } }), {
      y: { data: Float32Array.of(6), shape: [1] },
    });
    assert.equal(warnings.length, expected);
    await Deno.remove(`${unet}/data/model.onnx_data`);
    await Deno.symlink("../../../../blobs/0a1b", `${unet}/data/model.onnx_data`);
  }
  assert.match(warnings[0]!, /is a link out of its folder/);
});

Deno.test("native says when a provider is not there", async () => {
  const load = () => native({ provider: Deno.build.os === "windows" ? "coreml" : "dml" }).load(layer());
  await assert.rejects(load, { name: "BackendUnavailableError", message: /backend not found/ });
});

const script = `
  import { native } from "./backends/native.ts";
  import { layer, layerInput } from "./backends/_testing.ts";
  import { openSafetensors } from "./weights/safetensors.ts";
  const weights = Deno.args[0] === undefined ? undefined : await openSafetensors(Deno.args[0]);
  const backend = native({ onWarning: (message) => console.log(message) });
  const runner = await backend.load(layer(weights)).catch((error) => console.log(error.name));
  if (runner) console.log((await runner.run(layerInput)).y.data.join());
`;

Deno.test("native needs --allow-ffi and --allow-read, and nothing else", async () => {
  const printed = await runScript(script, ["--allow-ffi", "--allow-read"]);
  assert.match(printed, /^The weights of layer are held in memory: .*\n-2,-2,-2,-2\n$/);
  assert.equal(await runScript(script, ["--allow-read"]), "BackendUnavailableError\n");
});

/** `y = 3·x` with the 3 in a file. */
function tripling(location: string): Uint8Array {
  const port = (name: string) => ({
    name,
    type: { tensorType: { elemType: onnxTypes.float32, shape: { dim: [{ dimParam: "n" }] } } },
  });
  const externalData = [{ key: "location", value: location }];
  return encodeModel({
    irVersion: 10,
    opsetImport: [{ version: 21 }],
    graph: {
      name: "tripling",
      node: [{ opType: "Mul", input: ["x", "three"], output: ["y"] }],
      initializer: [{ name: "three", dims: [1], dataType: onnxTypes.float32, externalData, dataLocation: 1 }],
      input: [port("x")],
      output: [port("y")],
    },
  });
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
