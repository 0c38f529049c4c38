/** A line that answers strangely ends in a whole file or in one clear error, after a bounded number of requests. */
import assert from "node:assert/strict";
import { FakeHub, type Mischief, sampleFiles, temporaryFolder } from "./_testing.ts";
import { resolveModel } from "./resolve_model.ts";

const unet = "unet/diffusion_pytorch_model.safetensors";

async function download(mischief: Mischief): Promise<{ result: unknown; requests: number }> {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = mischief;
  const result = await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl }).then(
    async (folder) => (await Deno.readFile(`${folder}/${unet}`)).length,
    (error: Error) => error,
  );
  return { result, requests: hub.requests.filter((path) => path === unet).length };
}

Deno.test("a 206 whose range nobody can read ends, and never in a damaged file", async () => {
  const cut = Math.floor(sampleFiles[unet]!.length / 3);
  const { result, requests } = await download((path, from, content) =>
    path !== unet ? undefined : from === 0
      ? {
        status: 200,
        headers: { "content-length": `${content.length}` },
        content: content.slice(0, cut),
        then: "cut",
      }
      : { status: 206, content: content.slice(0, cut) } // the beginning again, for all we know
  );
  assert.ok(requests < 50, `${requests} requests`);
  if (result instanceof Error) assert.equal(result.name, "HubError");
  else assert.equal(result, sampleFiles[unet]!.length);
});

Deno.test("a hub that is busy is asked again when it says", async () => {
  let refused = 0;
  const { result } = await download((path) =>
    path === unet && refused++ < 2
      ? { status: 429, headers: { "retry-after": "1" }, content: "busy" }
      : undefined
  );
  assert.equal(result, sampleFiles[unet]!.length);
  assert.equal(refused, 3);
});

Deno.test("a page in place of a file is called one, and nothing of it is kept", async () => {
  const page = "<!doctype html><title>Log in to the hotel</title>";
  const { result } = await download((path) =>
    path === unet ? { headers: { "content-type": "text/html" }, content: page } : undefined
  );
  assert.ok(result instanceof Error);
  assert.match(result.message, /web page|captive portal/);
});
