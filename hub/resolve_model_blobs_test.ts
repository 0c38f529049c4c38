import assert from "node:assert/strict";
import { WeightsError } from "../core/errors.ts";
import { cutAfter, FakeHub, neededFiles, partOf, sampleFiles } from "./_testing.ts";
import { HubError, resolveModelBlobs } from "./mod.ts";

const unet = "unet/diffusion_pytorch_model.safetensors";

/** Deno has a Cache Storage too; it is emptied before and after. */
function test(name: string, body: (hub: FakeHub) => Promise<void>): void {
  Deno.test(`resolveModelBlobs ${name}`, async () => {
    await using hub = await FakeHub.start();
    const clear = () => caches.delete("mobile-diffusion/o/n");
    await clear();
    try {
      await body(hub);
    } finally {
      await clear();
    }
  });
}

async function assertComplete(files: Record<string, Blob>): Promise<void> {
  assert.deepEqual(Object.keys(files), neededFiles);
  for (const path of neededFiles) {
    assert.deepEqual(new Uint8Array(await files[path]!.arrayBuffer()), sampleFiles[path], path);
  }
}

test("downloads what is needed, and nothing the second time", async (hub) => {
  const options = { baseUrl: hub.baseUrl };
  await assertComplete(await resolveModelBlobs("o/n", options));
  const before = hub.count;
  await assertComplete(await resolveModelBlobs("o/n", options));
  await assertComplete(await resolveModelBlobs("o/n", { ...options, offline: true }));
  assert.equal(hub.count, before);
});

test("goes on where the line broke, in this call and the next", async (hub) => {
  const options = { baseUrl: hub.baseUrl, retries: 0 };
  hub.mischief = (path, from, content) =>
    path === unet ? cutAfter(from === 0 ? 7_000 : 0, content, from) : undefined;
  await assert.rejects(resolveModelBlobs("o/n", options), HubError);
  await assert.rejects(
    resolveModelBlobs("o/n", { ...options, offline: true }),
    /Cannot resolve "o\/n" offline/,
  );
  hub.mischief = (path, from, content) =>
    path === unet && from < 9_000 ? cutAfter(3_000, content, from) : undefined;
  hub.requests.length = 0;
  await assertComplete(await resolveModelBlobs("o/n", { ...options, retries: 1 }));
  assert.deepEqual(hub.requests, [`${unet} from 7000`, `${unet} from 10000`]);
});

test("keeps nothing of a file with another hash", async (hub) => {
  const options = { baseUrl: hub.baseUrl };
  hub.mischief = (path, from, content) =>
    path === unet ? partOf(content.map((byte) => byte ^ 1), from) : undefined;
  await assert.rejects(resolveModelBlobs("o/n", options), WeightsError);
  hub.mischief = () => undefined;
  hub.requests.length = 0;
  await assertComplete(await resolveModelBlobs("o/n", options));
  assert.deepEqual(hub.requests, [unet]);
});
