import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { UnsupportedModelError, WeightsError } from "../core/errors.ts";
import { commit, cutAfter, FakeHub, neededFiles, partOf, sampleFiles, temporaryFolder } from "./_testing.ts";
import { type DownloadProgress, HubError, type HubErrorReason, resolveModel } from "./mod.ts";

const unet = "unet/diffusion_pytorch_model.safetensors";

/** Whether an error is a HubError of that reason whose message says that. */
function hubError(reason: HubErrorReason, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HubError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };
}

async function assertComplete(folder: string, needed = neededFiles): Promise<void> {
  for (const path of needed) {
    assert.deepEqual(new Uint8Array(await readFile(`${folder}/${path}`)), sampleFiles[path], path);
  }
}

Deno.test("resolveModel downloads what is needed, and nothing the second time", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl, token: "secret" };
  const folder = await resolveModel("o/n", options);
  assert.equal(folder, `${cache.path}/models--o--n/snapshots/${commit}`);
  assert.deepEqual(hub.requests, neededFiles);
  assert.equal(hub.authorization, "Bearer secret");
  await assertComplete(folder);
  assert.equal(await readFile(`${cache.path}/models--o--n/refs/main`, "utf8"), commit);

  const before = hub.count;
  assert.equal(await resolveModel("o/n", options), folder);
  assert.equal(
    await resolveModel("o/n", { cache: cache.path, offline: true, baseUrl: "http://127.0.0.1:1" }),
    folder,
  );
  assert.equal(hub.count, before);
  assert.equal(await resolveModel("o/n", { ...options, refresh: true }), folder);
  assert.ok(hub.count > before);
  assert.deepEqual(hub.requests, neededFiles);
  const left = (await readdir(`${cache.path}/models--o--n/blobs`)).filter((name) => name.includes("."));
  assert.deepEqual(left, [], "no lock and no part is left");
});

Deno.test("resolveModel takes the variant, and exactly the files, that are asked for", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  await resolveModel("o/n", { ...options, variant: "fp16" });
  assert.deepEqual(hub.requests.slice(-2), [
    "text_encoder/model.fp16.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
  ]);
  await resolveModel("o/n", { ...options, files: ["README.md"] });
  assert.equal(hub.requests.at(-1), "README.md");
  await assert.rejects(
    resolveModel("o/n", { ...options, files: ["x"] }),
    hubError("not-found", /"x": .* no such file/),
  );
  await assert.rejects(resolveModel("o/n", { ...options, variant: "bf16" }), UnsupportedModelError);
});

Deno.test("resolveModel goes on where the line broke, again and again", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = (path, from, content) =>
    path === unet && from < 200_000 ? cutAfter(100_000, content, from) : undefined;
  const folder = await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl });
  assert.deepEqual(hub.requests.slice(-3), [unet, `${unet} from 100000`, `${unet} from 200000`]);
  await assertComplete(folder);
});

Deno.test("resolveModel gives up on a dead line, and the next call goes on", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl, retries: 1 };
  hub.mischief = (path, from, content) =>
    path === unet ? cutAfter(from === 0 ? 7_000 : 0, content, from) : undefined;
  await assert.rejects(resolveModel("o/n", options), hubError("network", /the line broke/));
  await assert.rejects(
    resolveModel("o/n", { ...options, offline: true }),
    hubError("offline", /not, or not wholly, in/),
  );
  hub.mischief = () => undefined;
  hub.requests.length = 0;
  await assertComplete(await resolveModel("o/n", options));
  assert.deepEqual(hub.requests, [`${unet} from 7000`]);
});

Deno.test("resolveModel takes a line that is silent for a broken one", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = (path, from, content) =>
    path === unet && from === 0 ? cutAfter(9, content, 0, "silence") : undefined;
  await assertComplete(await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl, patience: 300 }));
  assert.deepEqual(hub.requests.slice(-2), [unet, `${unet} from 9`]);
});

Deno.test("resolveModel starts anew where the hub knows no ranges", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  hub.mischief = (path, from, content) => {
    if (path !== unet) return undefined;
    return from === 0 && hub.requests.filter((request) => request === unet).length === 1
      ? cutAfter(5_000, content, 0)
      : { content };
  };
  await assertComplete(await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl }));
});

Deno.test("resolveModel keeps nothing of a file with another hash", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  for (const wrong of ["unet/config.json", unet]) {
    hub.mischief = (path, from, content) =>
      path === wrong ? partOf(content.map((byte) => byte ^ 1), from) : undefined;
    await assert.rejects(resolveModel("o/n", options), (error: unknown) => {
      assert.ok(error instanceof WeightsError);
      assert.match(error.message, /hash is [0-9a-f]+, expected \d+ bytes with [0-9a-f]+/);
      return true;
    });
  }
  hub.mischief = (path, _, content) =>
    path === unet ? { content: new Uint8Array([...content, 0]) } : undefined;
  await assert.rejects(resolveModel("o/n", options), /more bytes arrived/);
  hub.mischief = () => undefined;
  await assertComplete(await resolveModel("o/n", options));
});

Deno.test("resolveModel replaces what is left damaged of last time", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const blobs = `${cache.path}/models--o--n/blobs`;
  await mkdir(blobs, { recursive: true });
  const hash = createHash("sha256").update(sampleFiles[unet]!).digest("hex");
  await writeFile(`${blobs}/${hash}.incomplete`, new Uint8Array(9_000));
  const folder = await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl });
  assert.deepEqual(hub.requests.slice(-2), [`${unet} from 9000`, unet]);
  await assertComplete(folder);
});

Deno.test("resolveModel replaces a file that was cut short, and takes over a dead lock", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  const folder = await resolveModel("o/n", options);
  const hash = createHash("sha256").update(sampleFiles[unet]!).digest("hex");
  await truncate(`${folder}/${unet}`, 10); // the blob too: they are one file
  const dead = `${cache.path}/models--o--n/blobs/${hash}.lock`;
  await writeFile(dead, "");
  await utimes(dead, 0, 0);
  await assertComplete(await resolveModel("o/n", { ...options, refresh: true }));
});

Deno.test({
  name: "resolveModel says that the disk is full",
  ignore: Deno.build.os !== "linux", // only there is a device that is always full
  async fn() {
    await using hub = await FakeHub.start();
    await using cache = await temporaryFolder();
    const blobs = `${cache.path}/models--o--n/blobs`;
    await mkdir(blobs, { recursive: true });
    const hash = createHash("sha256").update(sampleFiles[unet]!).digest("hex");
    await symlink("/dev/full", `${blobs}/${hash}.incomplete`);
    const options = { cache: cache.path, baseUrl: hub.baseUrl };
    await assert.rejects(
      resolveModel("o/n", options),
      hubError("no-space", /disk is full, expected 300000 bytes more/),
    );
  },
});

Deno.test("resolveModel downloads once for two that ask at once", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  const [first, second] = await Promise.all([resolveModel("o/n", options), resolveModel("o/n", options)]);
  assert.equal(first, second);
  assert.deepEqual(hub.requests.toSorted(), neededFiles.toSorted());
  await assertComplete(first);
});

Deno.test("resolveModel stops at a signal, before and while bytes arrive", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  await assert.rejects(resolveModel("o/n", { ...options, signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
  assert.equal(hub.count, 0);
  hub.mischief = (path, from, content) => {
    return path === unet && from === 0 ? cutAfter(4_000, content, from, "silence") : undefined;
  };
  const stop = new AbortController();
  const onProgress = ({ file, received }: DownloadProgress) => {
    if (file === unet && received === 4_000) setTimeout(() => stop.abort(), 10);
  };
  await assert.rejects(resolveModel("o/n", { ...options, signal: stop.signal, onProgress }), {
    name: "AbortError",
  });
  hub.requests.length = 0;
  await assertComplete(await resolveModel("o/n", options));
  assert.deepEqual(hub.requests, [`${unet} from 4000`]);
});

Deno.test("resolveModel reports progress that only grows", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const reports: DownloadProgress[] = [];
  const onProgress = (progress: DownloadProgress) => void reports.push(progress);
  await resolveModel("o/n", { cache: cache.path, baseUrl: hub.baseUrl, onProgress });
  const total = neededFiles.reduce((sum, path) => sum + sampleFiles[path]!.length, 0);
  const last = reports.at(-1)!;
  assert.deepEqual(last, {
    file: unet,
    received: 300_000,
    total: 300_000,
    allReceived: total,
    allTotal: total,
  });
  const planned = reports.filter(({ allTotal }) => allTotal === total).map(({ allReceived }) => allReceived);
  assert.deepEqual(planned, planned.toSorted((a, b) => a - b));
});

Deno.test("resolveModel says what the hub's refusal means", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  const refusals: [number, HubErrorReason, RegExp][] = [
    [401, "unauthorized", /private, gated or misspelt, expected a token/],
    [403, "forbidden", /this account may not read it, expected you to be admitted at http.*\/o\/n/],
    [404, "not-found", /answers 404 for .*, expected the name of a model/],
    [500, "network", /answers 500/],
  ];
  for (const [status, reason, message] of refusals) {
    hub.status = status;
    await assert.rejects(resolveModel("o/n", options), hubError(reason, message));
  }
  const nobody = { ...options, baseUrl: "http://127.0.0.1:1" };
  await assert.rejects(resolveModel("o/n", nobody), hubError("network", /127\.0\.0\.1:1 cannot be reached/));
  await assert.rejects(
    resolveModel("o/n", { ...options, offline: true }),
    hubError("offline", /"o\/n" offline/),
  );
});

Deno.test("resolveModel refuses names and paths that would lead elsewhere", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  for (const name of ["n", "o/n/m", "../n", "o/..", "o/n?", "https://x/y", "o/.n"]) {
    await assert.rejects(resolveModel(name, options), /expected "owner\/name"/, name);
  }
  for (
    const revision of ["..", "a/../b", "/a", "a\\b", "", "a b", "a.lock", "a@{1}", "a:b", ".a/b", "a/", "@"]
  ) {
    await assert.rejects(resolveModel("o/n", { ...options, revision }), /expected a branch, tag or commit/);
  }
  for (const path of ["../x.json", "/x.json", "a//x.json", "a/./x.json", "c:x.json", "a\\x.json"]) {
    hub.files = { ...sampleFiles, [path]: sampleFiles["README.md"]! };
    await assert.rejects(resolveModel("o/n", { ...options, files: [path] }), WeightsError, path);
    await assertComplete(await resolveModel("o/n", options)); // nobody needs it
  }
});

Deno.test("resolveModel takes any revision that git allows", async () => {
  await using hub = await FakeHub.start();
  await using cache = await temporaryFolder();
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  hub.revisions = ["v1.0", "refs/pr/12", "feature/größe", "a#b%2Fc", "x+y=z&w", '"it\'s"', "-dash", "1e3"];
  for (const revision of hub.revisions) {
    const folder = await resolveModel("o/n", { ...options, revision });
    assert.equal(await resolveModel("o/n", { ...options, revision, offline: true }), folder, revision);
  }
});

/** A cache as another program leaves it, interrupted or not. */
async function pythonCache(paths: readonly string[]): Promise<AsyncDisposable & { readonly path: string }> {
  const cache = await temporaryFolder();
  const model = `${cache.path}/models--o--n`;
  await mkdir(`${model}/blobs`, { recursive: true });
  for (const [index, path] of paths.entries()) {
    const target = `${model}/snapshots/${commit}/${path}`;
    await mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await writeFile(`${model}/blobs/${index}`, sampleFiles[path]!);
    await symlink(`${model}/blobs/${index}`, target);
  }
  await mkdir(`${model}/refs`);
  await writeFile(`${model}/refs/main`, commit);
  return cache;
}

Deno.test("resolveModel takes no half of another program's download for the whole", async () => {
  for (const lacking of neededFiles) {
    await using hub = await FakeHub.start();
    await using cache = await pythonCache(neededFiles.filter((path) => path !== lacking));
    const options = { cache: cache.path, baseUrl: hub.baseUrl };
    await assert.rejects(
      resolveModel("o/n", { ...options, offline: true }),
      hubError("offline", /not wholly/),
      lacking,
    );
    await assertComplete(await resolveModel("o/n", options));
    assert.deepEqual(hub.requests, [lacking]);
  }
});

Deno.test("resolveModel takes no other variant that lies here for the one that is asked for", async () => {
  await using hub = await FakeHub.start();
  const half = neededFiles.map((path) => path.replace(/\.safetensors$/, ".fp16.safetensors"));
  await using cache = await pythonCache(half);
  const options = { cache: cache.path, baseUrl: hub.baseUrl };
  await assert.rejects(
    resolveModel("o/n", { ...options, offline: true }),
    hubError("offline", /of the variant "fp16" alone, and no list .* expected the option variant: "fp16"/),
  );
  await assertComplete(await resolveModel("o/n", { ...options, offline: true, variant: "fp16" }), half);
  await assertComplete(await resolveModel("o/n", options));
  assert.deepEqual(hub.requests, neededFiles.filter((path) => path.endsWith(".safetensors")));
});

Deno.test("resolveModel reads a cache that another program made, symbolic links and all", async () => {
  await using cache = await pythonCache(neededFiles);
  const model = `${cache.path}/models--o--n`;
  const options = { cache: cache.path, offline: true };
  const folder = await resolveModel("o/n", options);
  await assertComplete(folder);
  assert.equal(await resolveModel("o/n", { ...options, revision: commit }), folder);

  const { unlink } = await import("node:fs/promises");
  await unlink(`${model}/blobs/${neededFiles.indexOf(unet)}`); // its link leads nowhere now
  await assert.rejects(resolveModel("o/n", options), hubError("offline", /not wholly/));
});
