/** A line that answers strangely ends in a whole file or in one clear error, after a bounded number of requests. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import {
  type Answer,
  cutAfter,
  FakeHub,
  type Mischief,
  neededFiles,
  partOf,
  sampleFiles,
  temporaryFolder,
} from "./_testing.ts";
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

Deno.test("a body that the hub codes arrives as it is", async () => {
  const { result } = await download((_path, from, content) => from === 0 ? gzipped(content) : undefined);
  assert.equal(result, sampleFiles[unet]!.length);
});

Deno.test("bytes that took the place of others are hashed in their place", async () => {
  // As many garbled bytes as were there before, then a break: a hash of other bytes than those kept would fit again.
  const config = "text_encoder/config.json";
  let answers = 0;
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = (path, from, content) => {
    if (path !== config) return undefined;
    answers++;
    if (answers === 1) return cutAfter(6, content, from);
    if (answers > 2) return undefined;
    return {
      headers: { "content-length": "13" },
      content: content.map((byte) => byte ^ 1).subarray(0, 6),
      then: "cut",
    };
  };
  const folder = await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl });
  assert.deepEqual(new Uint8Array(await Deno.readFile(`${folder}/${config}`)), sampleFiles[config]);
});

const isLong = Deno.env.get("LONG") === "1";
const downloads = isLong ? 200 : 6;

/** One download with a fault in every third answer. */
async function hostileDownload(seed: number): Promise<number> {
  const random = randomOf(seed);
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = (_path, from, content) => random() < 1 / 3 ? fault(random, from, content) : undefined;
  const options = { cache: cache.path, baseUrl: hub.baseUrl, retries: 8 };
  const folder = await resolveModel("o/n", options);
  for (const path of neededFiles) {
    const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    assert.equal(
      hash(await Deno.readFile(`${folder}/${path}`)),
      hash(sampleFiles[path]!),
      `${path}, seed ${seed}`,
    );
  }
  const blobs = await readdir(`${cache.path}/models--o--n/blobs`);
  assert.deepEqual(blobs.filter((name) => name.includes(".")), [], "no part and no lock is left");
  return hub.count;
}

function fault(random: () => number, from: number, content: Uint8Array<ArrayBuffer>): Answer {
  const rest = content.length - from;
  const some = Math.floor(random() * rest);
  const faults: (() => Answer)[] = [
    () => cutAfter(some, content, from),
    () => {
      const { headers: _, ...answer } = partOf(content, from); // as CORS hides it
      return answer;
    },
    () => ({ status: 429, headers: { "retry-after": "0" }, content: "busy" }),
    () => ({ status: 503, content: "busy" }),
    () => gzipped(content),
    () => {
      const packed = gzipped(content);
      return { ...packed, content: (packed.content as Uint8Array).subarray(0, some), then: "cut" };
    },
    () => ({ headers: { "content-type": "text/html" }, content: "<!doctype html><title>Log in</title>" }),
  ];
  return faults[Math.floor(random() * faults.length)]!();
}

function gzipped(content: Uint8Array): Answer {
  const packed = gzipSync(content);
  return {
    headers: { "content-encoding": "gzip", "content-length": `${packed.length}` },
    content: packed,
  };
}

/** Mulberry32, so that a failure has a seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

Deno.test(`${downloads} downloads with faults at random end whole, and leave nothing broken`, async () => {
  let most = 0;
  const seeds = Array.from({ length: downloads }, (_, i) => i + 1);
  while (seeds.length > 0) {
    most = Math.max(most, ...await Promise.all(seeds.splice(0, 20).map(hostileDownload)));
  }
  // 8 files and 3 questions without faults; each file may need 8 attempts more
  assert.ok(most <= 3 + 9 * neededFiles.length, `${most} requests`);
});
