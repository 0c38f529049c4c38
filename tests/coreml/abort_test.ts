/**
 * Predictions run beside the event loop, and whoever waits for one may go.
 */
import assert from "node:assert/strict";
import type { Tensor } from "../../core/tensor.ts";
import { type ModelSpec, standInTest, type TemporaryFolder } from "./_rig.ts";

const port = { shape: [2], dtype: "float32" };
const slow: ModelSpec = { function: "copy", inputs: { a_: port }, outputs: { a_1: port }, delay: 400 };
const inputs = { a_: { data: new Float32Array([1, 2]), shape: [2] } };
const pathOf = (folder: TemporaryFolder) => `${folder.path}/Slow.mlmodelc`;

/** Milliseconds until a promise settles. */
async function time(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work.catch(() => {});
  return performance.now() - start;
}

standInTest("abort: timers fire during a prediction", async (rig) => {
  await using folder = await rig.folder({ Slow: slow });
  await using runner = await rig.backend().load({ kind: "coreml", path: pathOf(folder) });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  await runner.run(inputs);
  clearInterval(timer);
  assert(ticks >= 5, `the timer fired ${ticks} times in 400 ms`);
});

standInTest("abort: a prediction under way is abandoned at once, a waiting one never begins", async (rig) => {
  await using folder = await rig.folder({ Slow: slow });
  await using runner = await rig.backend().load({ kind: "coreml", path: pathOf(folder) });
  await runner.run(inputs);
  const signal = AbortSignal.timeout(40);
  const running = runner.run(inputs, { signal, keep: ["a_1"] });
  const waiting = Array.from({ length: 5 }, () => runner.run(inputs, { signal }));
  const later = runner.run(inputs);
  assert(await time(running) < 300, "it does not wait for Core ML");
  for (const call of [running, ...waiting]) await assert.rejects(call, { name: "TimeoutError" });
  assert(await time(later) < 1800, "the five that waited were not run");
  assert.deepEqual((await later)["a_1"] as Tensor, inputs.a_);
  await assert.rejects(runner.run(inputs, { signal }), { name: "TimeoutError" });
});

standInTest("abort: what an abandoned call made is freed", async (rig) => {
  await using folder = await rig.folder({ Slow: slow });
  const before = rig.live().coreml;
  const backend = rig.backend();
  const runner = await backend.load({ kind: "coreml", path: pathOf(folder) });
  const call = new AbortController();
  const abandoned = runner.run(inputs, { signal: call.signal, keep: ["a_1"] });
  setTimeout(() => call.abort(), 40);
  await assert.rejects(abandoned, { name: "AbortError" });
  const load = new AbortController();
  const loading = backend.load({ kind: "coreml", path: pathOf(folder) }, { signal: load.signal });
  setTimeout(() => load.abort(), 0);
  await assert.rejects(loading, { name: "AbortError" });
  await runner[Symbol.asyncDispose]();
  assert.equal(rig.live().coreml, before);
});
