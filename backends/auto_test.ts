import assert from "node:assert/strict";
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import { layer, layerInput, layerOutput } from "./_testing.ts";
import { auto } from "./auto.ts";
import type { Backend } from "./backend.ts";
import { wasm } from "./wasm.ts";

function failing(error: Error): Backend {
  return { name: "failing", load: () => Promise.reject(error) };
}

const unavailable = failing(new BackendUnavailableError("There is none here."));

Deno.test("auto passes over what is unavailable, says so, and stays with what works", async () => {
  const warnings: string[] = [];
  const backend = auto({
    order: [unavailable, wasm({ worker: false, threads: 1 }), failing(new Error("never tried"))],
    onWarning: (message) => warnings.push(message),
  });
  for (let i = 0; i < 2; i++) {
    await using runner = await backend.load(layer());
    assert.deepEqual(await runner.run(layerInput), layerOutput);
  }
  assert.deepEqual(warnings, ["There is none here."]);
});

Deno.test("auto hides no other error", async () => {
  const refusing = failing(new UnsupportedModelError("Too odd."));
  await assert.rejects(() => auto({ order: [refusing, wasm()] }).load(layer()), {
    name: "UnsupportedModelError",
  });
});

Deno.test("auto says why nothing works", async () => {
  const backend = auto({ order: [unavailable, unavailable] });
  await assert.rejects(() => backend.load(layer()), {
    name: "BackendUnavailableError",
    message: "Cannot use any backend. There is none here. There is none here.",
  });
});

Deno.test("auto finds something on this machine", async () => {
  await using runner = await auto().load(layer());
  assert.deepEqual(await runner.run(layerInput), layerOutput);
});
