/** `model: "owner/name"` in Chromium, over a line that breaks and that hides which range it sends, as CORS does. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as esbuild from "esbuild";
import { wasm } from "../backends/wasm.ts";
import { cutAfter, FakeHub, partOf } from "../hub/_testing.ts";
import { createPipeline } from "../mod.ts";
import { model } from "./_cli.ts";
import { launchChromium, withoutChromium } from "./_chromium.ts";
import { testPath } from "./_networks.ts";

const { ignore, reason } = withoutChromium();
const unet = "unet/diffusion_pytorch_model.safetensors";

Deno.test({
  name: `a page opens a model by its name on a hub, and again without the network${reason}`,
  ignore,
  async fn() {
    await using hub = await FakeHub.start();
    hub.files = await filesOf(model);
    hub.mischief = (path, from, content) => {
      if (path !== unet) return undefined;
      if (from === 0) return cutAfter(Math.floor(content.length / 2), content, from);
      const { headers: _, ...hidden } = partOf(content, from);
      return hidden;
    };
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, await serve());
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`http://localhost:${server.addr.port}/`);
      const picture = async (offline: boolean) =>
        await page.evaluate(`picture("${hub.baseUrl}", ${offline})`) as number[];
      const first = await picture(false);
      const asked = hub.requests.filter((request) => request.startsWith(unet));
      // A browser drops what it has of a body that breaks, or asks again by itself.
      assert.ok(asked.some((request) => request.includes(" from ")) && asked.length <= 12, asked.join());
      const { count } = hub;
      assert.equal(hashOf(await picture(true)), hashOf(first));
      assert.equal(hub.count, count, "the second time nothing is asked");

      await using pipeline = await createPipeline({ model, backend: wasm({ worker: false, threads: 1 }) });
      const { images } = await pipeline.generate({
        prompt: "a lake",
        seed: 7,
        steps: 2,
        sampler: "ddim",
        width: 64,
        height: 64,
      });
      const furthest = Math.max(...images[0]!.data.map((value, i) => Math.abs(value - first[i]!)));
      assert.ok(furthest <= 2, `pictures differ by ${furthest} of 255`); // another engine's exp
    } finally {
      await browser.close();
    }
  },
});

function hashOf(pixels: readonly number[]): string {
  return createHash("sha256").update(Uint8Array.from(pixels)).digest("hex");
}

async function filesOf(folder: string): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  const walk = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(`${folder}/${path}`)) {
      if (isDirectory) await walk(`${path}${name}/`);
      else files[`${path}${name}`] = await Deno.readFile(`${folder}/${path}${name}`);
    }
  };
  await walk("");
  return files;
}

/** The bundled page and the runtime's files. */
async function serve(): Promise<(request: Request) => Promise<Response>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: { page: testPath("_hub_page.ts") },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "/",
    write: false,
  });
  await esbuild.stop();
  const bundled = new Map(outputFiles.map(({ path, contents }) => [path, new Uint8Array(contents)]));
  return async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/") {
      const page = '<!doctype html><script type="module" src="/page.js"></script>';
      return new Response(page, { headers: { "content-type": "text/html" } });
    }
    const runtime = pathname.startsWith("/runtime/")
      ? await Deno.readFile(testPath(`../node_modules/onnxruntime-web/dist/${pathname.slice(9)}`)).catch(() =>
        undefined
      )
      : undefined;
    const body = bundled.get(pathname) ?? runtime;
    return new Response(body ?? null, {
      status: body === undefined ? 404 : 200,
      headers: { "content-type": pathname.endsWith(".wasm") ? "application/wasm" : "text/javascript" },
    });
  };
}
