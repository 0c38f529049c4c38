/** Who waits for a model hears what for, and can stop waiting. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { cutAfter, FakeHub, temporaryFolder } from "../hub/_testing.ts";
import { createPipeline, type ModelProgress } from "../mod.ts";

const model = new URL("./reference/pipelines/sd15-tiny", import.meta.url).pathname;
const unet = "unet/diffusion_pytorch_model.safetensors";

async function hubWithModel(): Promise<FakeHub> {
  const hub = await FakeHub.start();
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const folder of ["scheduler", "text_encoder", "tokenizer", "unet", "vae"]) {
    for (const { name } of Deno.readDirSync(`${model}/${folder}`)) {
      files[`${folder}/${name}`] = Deno.readFileSync(`${model}/${folder}/${name}`);
    }
  }
  hub.files = { ...files, "model_index.json": Deno.readFileSync(`${model}/model_index.json`) };
  return hub;
}

Deno.test("createPipeline says how far a download is, and which network it loads", async () => {
  await using hub = await hubWithModel();
  await using cache = await temporaryFolder();
  const heard: ModelProgress[] = [];
  await using pipeline = await createPipeline({
    model: "o/n",
    backend: native(),
    hub: { baseUrl: hub.baseUrl, cache: cache.path },
    onProgress: (progress) => void heard.push(progress),
  });
  const last = heard.at(-1)!;
  assert.ok(last.kind === "download" && last.allReceived === last.allTotal && last.allTotal > 1e6);
  heard.length = 0;
  await pipeline.generate({ prompt: "a lake", seed: 1, steps: 1, sampler: "ddim", width: 64, height: 64 });
  const loads = heard.map((progress) =>
    progress.kind === "load" ? `${progress.network} ${progress.done}` : ""
  );
  assert.deepEqual(new Set(loads.filter((load) => load.endsWith("true"))).size, 3, loads.join());
  assert.equal(loads.length, 6);
  for (const load of loads.filter((load) => load.endsWith("true"))) {
    assert.ok(loads.indexOf(load.replace("true", "false")) < loads.indexOf(load), loads.join());
  }
});

Deno.test("createPipeline stops at its signal, and what has arrived is kept", async () => {
  await using hub = await hubWithModel();
  await using cache = await temporaryFolder();
  hub.mischief = (path, from, content) =>
    path === unet && from === 0 ? cutAfter(4000, content, 0, "silence") : undefined;
  const stop = new AbortController();
  const options = { model: "o/n", backend: native(), hub: { baseUrl: hub.baseUrl, cache: cache.path } };
  const onProgress = (progress: ModelProgress) => {
    if (progress.kind === "download" && progress.file === unet && progress.received === 4000) stop.abort();
  };
  await assert.rejects(createPipeline({ ...options, signal: stop.signal, onProgress }), {
    name: "AbortError",
  });
  await assert.rejects(createPipeline({ ...options, signal: stop.signal }), { name: "AbortError" });
  hub.requests.length = 0;
  await using _pipeline = await createPipeline(options);
  assert.equal(hub.requests.find((request) => request.startsWith(unet)), `${unet} from 4000`);
});
