/** The playground in a real browser: a prompt becomes a picture, with previews on the way, and can be stopped. */
import assert from "node:assert/strict";
import { servePlayground } from "../examples/browser/serve.ts";
import { decodeImage, readPngText } from "../image/mod.ts";
import { launchChromium, withoutChromium } from "./_chromium.ts";

const { ignore, reason } = withoutChromium();

const flags = {
  wasm: ["--disable-gpu"],
  webgpu: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
} as const;

for (const backend of ["wasm", "webgpu"] as const) {
  Deno.test({
    name:
      `the playground makes a picture on ${backend} in Chromium, shows every step, can be cancelled${reason}`,
    ignore,
    fn: () => play(backend),
  });
}

async function play(backend: keyof typeof flags): Promise<void> {
  await using server = await servePlayground(0);
  const origin = `http://localhost:${server.addr.port}`;
  const browser = await launchChromium(flags[backend]);
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 720 } });
    const problems: string[] = [];
    page.on("pageerror", ({ message }) => problems.push(message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url())) {
        problems.push(request.url());
      }
    });
    await page.goto(origin);
    await page.waitForFunction("document.getElementById('steps').value !== ''");
    assert.equal(await page.evaluate("crossOriginIsolated"), true); // so that WASM has threads

    const watched =
      "new MutationObserver(() => seen.push(status.value)).observe(status, { childList: true })";
    await page.evaluate(
      `globalThis.seen = []; const status = document.getElementById("status"); ${watched}`,
    );
    await page.fill("#prompt", "a blue boat on the sea");
    await page.fill("#steps", "4");
    await page.selectOption("#backend", backend);
    await page.click("#generate");
    await page.waitForSelector("#download:not([hidden])", { timeout: 300_000 });
    assert.match(
      await page.inputValue("#status").catch(() => page.textContent("#status")) ?? "",
      /s, seed 7$/,
    );
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    assert.equal(saved.suggestedFilename(), "a-blue-boat-on-the-sea-7.png");
    const file = await Deno.readFile((await saved.path())!);
    assert.match((await readPngText(file)).parameters!, /^a blue boat on the sea\nSteps: 4, Sampler: ddim/);
    const { data } = await decodeImage(file);
    assert.ok(new Set(data).size > 16, "the picture is empty");
    const screenshot = Deno.env.get("SCREENSHOT");
    if (screenshot !== undefined) await page.screenshot({ path: screenshot });

    await page.fill("#steps", "100");
    await page.click("#generate");
    await page.waitForFunction("/^Step [3-9] of/.test(document.getElementById('status').value)");
    await page.click("#cancel");
    await page.waitForFunction("document.getElementById('status').value === 'Cancelled.'");
    assert.equal(await page.isEnabled("#generate"), true);
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
}
