/** A site of built files, opened in Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { findChromium } from "../_chromium.ts";

/** What a page or a program of `app/` says. */
export interface Said {
  readonly colours?: string;
  readonly error?: string;
  readonly warnings: readonly string[];
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder, under a content security policy if there is one. */
export function serveFolder(folder: string, policy?: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    const path = join(folder, pathname === "/" ? "index.html" : pathname);
    const body = await Deno.readFile(path).catch(() => undefined);
    return new Response(body ?? null, {
      status: body === undefined ? 404 : 200,
      headers: {
        "content-type": types[extname(path)] ?? "application/octet-stream",
        ...policy !== undefined && { "content-security-policy": policy },
      },
    });
  });
}

/** Opens an address and waits until the page has said something. */
export async function ask(browser: Browser, url: string): Promise<Said> {
  const page = await browser.newPage();
  try {
    await page.goto(url);
    return await answerOf(page);
  } finally {
    await page.close();
  }
}

/** Polled from outside: under a strict policy an expression in the page would be code from a string. */
export async function answerOf(page: Page): Promise<Said> {
  for (let tries = 0; tries < 600; tries++) {
    const text = await page.textContent("#out").catch(() => ""); // a development server may load the page again
    if (text) return JSON.parse(text);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("the page says nothing");
}

/** Vite's development server in a project, started afresh. */
export async function developmentServer(
  folder: string,
  name: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  rmSync(join(folder, "node_modules/.vite"), { recursive: true, force: true });
  const args = [`node_modules/${name}/bin/vite.js`, "--host", "127.0.0.1", "--port", "0"];
  const child = new Deno.Command("node", { args, cwd: folder, stdout: "piped", env: { NO_COLOR: "1" } })
    .spawn();
  let said = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!/http:\S+:\d+/.test(said)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the development server has ended: ${said}`);
    said += value;
  }
  return {
    url: said.match(/http:\S+:\d+/)![0],
    async [Symbol.asyncDispose]() {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

/** Makes an extension of a built site, and opens its page. */
export async function askExtension(folder: string): Promise<Said> {
  writeFileSync(
    join(folder, "manifest.json"),
    JSON.stringify({
      manifest_version: 3,
      name: "consumer",
      version: "1.0",
      background: { service_worker: "background.js" },
      content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" },
    }),
  );
  writeFileSync(join(folder, "background.js"), "");
  const profile = mkdtempSync(join(tmpdir(), "profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium()!,
    headless: false,
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      `--disable-extensions-except=${folder}`,
      `--load-extension=${folder}`,
    ],
  });
  try {
    const worker = context.serviceWorkers()[0] ?? await context.waitForEvent("serviceworker");
    const page = await context.newPage();
    await page.goto(new URL("/index.html?backend=wasm", worker.url()).href);
    return await answerOf(page);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
