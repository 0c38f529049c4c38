import assert from "node:assert/strict";
import { reference } from "../tests/weights_fixtures.ts";
import { currentAttentionNames } from "./legacy_attention.ts";
import { openWeights } from "./open_weights.ts";

Deno.test("a VAE with the old names is the one with the new names", async () => {
  await using old = currentAttentionNames(await openWeights(`${reference}/models/vae_sd2_legacy_names`));
  await using current = await openWeights(`${reference}/pipelines/sd2-tiny/vae`);
  assert.deepEqual(new Set(old.names()), new Set(current.names()));
  for (const name of current.names()) {
    assert.deepEqual(old.info(name)!.shape, current.info(name)!.shape);
    assert.deepEqual(await old.read(name), await current.read(name));
  }
});

Deno.test("names that are current already stay", async () => {
  await using source = await openWeights(`${reference}/pipelines/sd15-tiny/unet`);
  const view = currentAttentionNames(source);
  assert.deepEqual([...view.names()], [...source.names()]);
});
