import assert from "node:assert/strict";
import { memoryWeights } from "../weights/memory.ts";
import type { Weights } from "../weights/weights.ts";
import { layer, layerInput, layerOutput, layerWeight, runScript, slow } from "./_testing.ts";
import { wasm } from "./wasm.ts";

Deno.test("wasm needs --allow-read and nothing else, with threads and a worker", async () => {
  const script = `
    import { wasm } from "./backends/wasm.ts";
    import { layer, layerInput } from "./backends/_testing.ts";
    for (const worker of [true, false]) {
      await using runner = await wasm({ threads: 2, worker }).load(layer());
      console.log((await runner.run(layerInput)).y.data.join());
    }
  `;
  assert.equal(await runScript(script, ["--allow-read"]), "-2,-2,-2,-2\n".repeat(2));
});

Deno.test("a run in a worker leaves the event loop free, and ends with its signal", async () => {
  const n = 512;
  const input = { x: { data: new Float32Array(n * n), shape: [n, n] } };
  await using runner = await wasm({ threads: 1 }).load(slow(n, 400));
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 10);
  const start = performance.now();
  await assert.rejects(() => runner.run(input, { signal: AbortSignal.timeout(200) }), {
    name: "TimeoutError",
  });
  const waited = performance.now() - start;
  clearInterval(ticking);
  assert.ok(ticks > 2, `${ticks} ticks`);
  assert.ok(waited < 2000, `rejected after ${waited} ms; the whole run takes several seconds`);
});

Deno.test("after an abandoned run the weights are read again and the next run works", async () => {
  let reads = 0;
  const stored = memoryWeights({ "it.weight": layerWeight });
  const weights: Weights = {
    ...stored,
    read(name) {
      reads++;
      return stored.read(name);
    },
  };
  await using runner = await wasm({ threads: 1 }).load(layer(weights));
  assert.equal(reads, 1);
  const controller = new AbortController();
  const abandoned = runner.run(layerInput, { signal: controller.signal });
  const waiting = runner.run(layerInput);
  await new Promise((resolve) => setTimeout(resolve)); // the first run has begun
  controller.abort();
  await assert.rejects(abandoned, { name: "AbortError" });
  assert.deepEqual(await waiting, layerOutput);
  assert.equal(reads, 2);
});

Deno.test("a load that is abandoned ends its worker", async () => {
  const controller = new AbortController();
  const stored = memoryWeights({ "it.weight": layerWeight });
  const weights: Weights = {
    ...stored,
    read(name) {
      controller.abort();
      return stored.read(name);
    },
  };
  await assert.rejects(() => wasm({ threads: 1 }).load(layer(weights), { signal: controller.signal }), {
    name: "AbortError",
  });
});

Deno.test("wasm runs in a worker after it has run in place, which changes the global Worker", async () => {
  for (const worker of [false, true]) {
    await using runner = await wasm({ worker }).load(layer());
    assert.ok("y" in await runner.run(layerInput));
  }
});

Deno.test("a worker that is ended from outside fails its call at once, and the next one starts a fresh one", async () => {
  const script = `
    const workers = [];
    const { Worker } = globalThis;
    globalThis.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        workers.push(this);
      }
    };
    const { wasm } = await import("./backends/wasm.ts");
    const { layer, layerInput, slow } = await import("./backends/_testing.ts");
    const loading = wasm({ threads: 1 }).load(layer());
    setTimeout(() => workers.at(-1).terminate());
    console.log((await loading.catch((error) => error)).name);
    const input = { x: { data: new Float32Array(128 * 128), shape: [128, 128] } };
    await using runner = await wasm({ threads: 1 }).load(slow(128, 100));
    const ways = [
      (worker) => worker.terminate(),
      (worker) => Worker.prototype.terminate.call(worker), // as the platform does it: nobody is told
    ];
    for (const end of ways) {
      const running = runner.run(input);
      setTimeout(() => end(workers.at(-1)), 5);
      console.log((await running.catch((error) => error)).name);
      console.log((await runner.run(input)).y.data.length);
    }
  `;
  const printed = await runScript(script, ["--allow-read"]);
  assert.equal(printed, `BackendUnavailableError\n${"BackendUnavailableError\n16384\n".repeat(2)}`);
});

Deno.test("where a worker does not start, programs run in place, with one warning", async () => {
  const gone = new URL("./_no_such_worker.js", import.meta.url);
  for (const worker of [gone, gone.href, "data:text/javascript,throw new Error('broken')"]) {
    const warnings: string[] = [];
    const backend = wasm({ worker, onWarning: (message) => warnings.push(message) });
    for (let program = 0; program < 2; program++) {
      await using runner = await backend.load(layer());
      assert.deepEqual(await runner.run(layerInput), layerOutput);
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^The WASM worker failed: .+ Programs run in place/s);
  }
});

Deno.test("where there are no workers, programs run in place, with a warning", async () => {
  const script = `
    delete globalThis.Worker;
    delete globalThis.navigator; // as on a server that renders pages
    const { wasm } = await import("./backends/wasm.ts");
    const { layer, layerInput } = await import("./backends/_testing.ts");
    await using runner = await wasm({ onWarning: console.log }).load(layer());
    console.log((await runner.run(layerInput)).y.data.join());
  `;
  assert.match(await runScript(script, ["--allow-read"]), /no workers.*\n-2,-2,-2,-2\n$/);
});
