// Builds the playground and serves it to this machine only: deno task playground
import { buildPlayground } from "./build.ts";

const types: Readonly<Record<string, string>> = {
  css: "text/css",
  js: "text/javascript",
  mjs: "text/javascript",
  ts: "text/javascript",
  wasm: "application/wasm",
};

/** Serves the page. A page with these two policies is cross-origin isolated, so that WASM may use threads. */
export async function servePlayground(port: number): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const files = await buildPlayground();
  return Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, ({ url }) => {
    const { pathname } = new URL(url);
    const file = files.get(pathname);
    return new Response(file ?? "Not found", {
      status: file === undefined ? 404 : 200,
      headers: {
        "content-type": types[pathname.split(".").at(-1)!] ?? "text/html",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      },
    });
  });
}

if (import.meta.main) {
  const { addr } = await servePlayground(Number(Deno.env.get("PORT") ?? 8000));
  console.log(`Open http://localhost:${addr.port}/`);
}
