/** A site of built files, opened in Chromium. */
import { extname, join } from "node:path";
import type { Browser, Page } from "playwright-core";

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
