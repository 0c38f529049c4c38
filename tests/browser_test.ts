/** The suite and a network in Chromium, on its WASM and on its WebGPU (SwiftShader, a GPU emulated on the CPU). */
import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import { launchChromium, withoutChromium } from "./_chromium.ts";
import { testPath } from "./_networks.ts";

const { ignore, reason } = withoutChromium();
const root = testPath("..");

Deno.test({
  name: `wasm and webgpu pass the suite in Chromium, and run a UNet${reason}`,
  ignore,
  async fn() {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, await serve());
    const browser = await launchChromium(["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]);
    try {
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on("pageerror", ({ message }) => problems.push(message));
      await page.goto(`http://localhost:${server.addr.port}/`);
      const strict = await browser.newPage();
      await strict.goto(`http://localhost:${server.addr.port}/strict`);
      const deadline = Date.now() + 120_000;
      while (await strict.title() === "" && Date.now() < deadline) await strict.waitForTimeout(200);
      assert.equal(await strict.title(), "made 128 pixels"); // no code is made from strings
      await strict.close();
      assert.equal(await page.evaluate("crossOriginIsolated"), true); // so that WASM has threads
      for (const [name, tolerance] of [["wasm in place", 1e-4], ["wasm", 1e-4], ["webgpu", 2e-3]] as const) {
        assert.deepEqual(await page.evaluate(`failures("${name}")`), [], name);
        const difference = Number(await page.evaluate(`unetDifference("${name}")`));
        assert.ok(difference <= tolerance, `${name}: largest difference ${difference}`);
      }
      assert.deepEqual(await page.evaluate("failuresWithSubgroups()"), []); // Chromium's SwiftShader has them
      for (const steps of [1, 8]) {
        const difference = Number(await page.evaluate(`pictureDifference(${steps})`));
        assert.ok(difference <= 2, `${steps} steps: pictures of wasm and webgpu differ by ${difference}/255`);
      }
      assert.deepEqual(problems, []);
    } finally {
      await browser.close();
    }
  },
});

/** A page with the bundled SDK, its worker, the runtime's files and the reference. */
async function serve(): Promise<(request: Request) => Promise<Response>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: { page: testPath("_browser_page.ts"), wasm_worker: `${root}backends/wasm_worker.js` },
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
  const page = new TextEncoder().encode(`<!doctype html><script type="module" src="/page.js"></script>`);
  const folders = { reference: testPath("reference"), runtime: `${root}node_modules/onnxruntime-web/dist` };
  const types: Readonly<Record<string, string>> = { wasm: "application/wasm", json: "application/json" };
  return async ({ url }) => {
    const { pathname } = new URL(url);
    const [, folder, ...path] = pathname.split("/");
    const directory = folders[folder as keyof typeof folders];
    const html = pathname === "/" || pathname === "/strict";
    const body = html ? page : bundled.get(pathname) ??
      await Deno.readFile(`${directory}/${path.join("/")}`).catch(() => undefined);
    const extension = pathname.split(".").at(-1)!;
    return new Response(body ?? null, {
      status: body === undefined ? 404 : 200,
      headers: {
        "content-type": html ? "text/html" : types[extension] ?? "text/javascript",
        ...pathname === "/strict" && {
          "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
        },
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      },
    });
  };
}
