/**
 * The playground as files for a browser: the page, the SDK in chunks that are loaded when they are needed, its worker,
 * and the files of the WASM runtime.
 */
import * as esbuild from "esbuild";
import config from "../../deno.json" with { type: "json" };

const root = new URL("../../", import.meta.url).pathname;
const here = `${root}examples/browser`;
const runtime = `${root}node_modules/onnxruntime-web/dist`;

/** Bytes by their path on the server. */
export async function buildPlayground(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { outputFiles } = await esbuild.build({
    entryPoints: { playground: `${here}/playground.ts`, wasm_worker: `${root}backends/wasm_worker.js` },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["node:*", "tokenizers", "onnxruntime-node"],
    alias: Object.fromEntries(
      Object.entries(config.exports).reverse().map((
        [path, file],
      ) => [`${config.name}${path.slice(1)}`, root + file]),
    ),
    outdir: here,
    write: false,
  });
  await esbuild.stop();
  const files = new Map(
    outputFiles.map(({ path, contents }) => [path.slice(here.length), new Uint8Array(contents)]),
  );
  files.set("/", await Deno.readFile(`${here}/index.html`));
  files.set("/style.css", await Deno.readFile(`${here}/style.css`));
  for (const variant of ["", ".asyncify"]) { // for wasm, and for webgpu
    for (const kind of ["mjs", "wasm"]) {
      const file = `ort-wasm-simd-threaded${variant}.${kind}`;
      files.set(`/runtime/${file}`, await Deno.readFile(`${runtime}/${file}`));
    }
  }
  return files;
}
