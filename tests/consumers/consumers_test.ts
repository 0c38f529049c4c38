/**
 * The packed forms where people import them: each makes the embedded model's picture. One case a kind; with `LONG=1`
 * every version and mode.
 */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { wasm } from "../../backends/wasm.ts";
import { createPipeline } from "../../presets/create_pipeline.ts";
import { ufogen } from "../../samplers/mod.ts";
import { launchChromium, withoutChromium } from "../_chromium.ts";
import { type Form, Scratch } from "./_scratch.ts";
import { ask, askExtension, developmentServer, type Said, serveFolder } from "./_site.ts";

const long = process.env.LONG === "1";
const { ignore, reason } = withoutChromium();

Deno.test(`the packed forms make the picture where people import them${reason}`, async (t) => {
  using scratch = await Scratch.make(long);
  const expected = await picture();
  const same = (said: Said, warned = 0) => {
    assert.equal(said.error, undefined);
    const actual = Uint8Array.from(atob(said.colours!), (letter) => letter.charCodeAt(0));
    assert.equal(actual.length, expected.length);
    const off = expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - actual[i]!)), 0);
    assert.ok(off <= 2, `${off} of 255 off`);
    assert.equal(said.warnings.length, warned, said.warnings.join());
  };

  for (
    const { name, form, command, backend, warned } of programs.filter((program) => long || program.short)
  ) {
    await t.step(`${name}, ${form} form, ${backend}`, () => {
      const [program, ...args] = command;
      const out = scratch.run(program!, [...args, "run.js", backend], form);
      same(JSON.parse(out.slice(out.indexOf("{"))), warned);
    });
  }

  for (const form of ["npm", "jsr"] as const) {
    for (
      const options of [["--moduleResolution", "nodenext", "--module", "nodenext"], [
        "--moduleResolution",
        "bundler",
        "--module",
        "esnext",
      ]]
    ) {
      await t.step(`types of the ${form} form under ${options[1]}`, () => {
        const lib = form === "npm" ? "es2023,dom" : "es2023,dom,esnext.disposable";
        const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
        const args = ["tsc", ...strict, ...options, "--target", "es2022", "--lib", lib, "types.ts"];
        scratch.run("npx", args, form);
      });
    }
  }

  for (const { name, form, command } of programs.filter((program) => long || program === programs[0])) {
    await t.step(`the README's program, ${name}, ${form} form`, () => {
      const folder = scratch.folder(form);
      writeFileSync(join(folder, "readme.js"), readmeBlock("program"));
      rmSync(join(folder, "house.png"), { force: true });
      const [program, ...args] = command;
      scratch.run(program!, [...args, "readme.js"], form);
      assert.ok(readFileSync(join(folder, "house.png")).length > 1000);
    });
  }

  await t.step("the command of the npm form, on Node 22", () => {
    const bin = "node_modules/.bin/mobile-diffusion";
    const help = scratch.run("npx", ["-y", "--package=node@22", "--", "node", bin, "generate", "--help"]);
    assert.match(help, /--prompt-syntax/);
  });

  await t.step("sizes", () => {
    const bundle = bundleSize(scratch);
    const installed = scratch.installedSize();
    process.stdout.write(
      `    bundle of createPipeline and wasm: ${Math.round(bundle.start / 1000)} kB gzip at start, ` +
        `${Math.round(bundle.all / 1000)} kB with what is loaded when needed; ` +
        `installed for production: ${Math.round(installed / 1e6)} MB\n`,
    );
    assert.ok(bundle.start <= 250_000, `${bundle.start} bytes`);
    assert.ok(installed <= 160e6, `${installed} bytes`);
  });

  await t.step({
    name: `browsers${reason}`,
    ignore,
    async fn(t) {
      const browser = await launchChromium();
      try {
        for (const { name, form, build, pages } of sites.filter((site) => long || site.short)) {
          build(scratch, form);
          for (const { backend, policy, warned } of pages) {
            await t.step(`${name}, ${form} form, ${backend}, policy "${policy ?? ""}"`, async () => {
              await using server = serveFolder(join(scratch.folder(form), "dist"), policy);
              same(await ask(browser, `http://localhost:${server.addr.port}/?backend=${backend}`), warned);
            });
          }
        }
        for (const [name, form] of long ? [["vite", "npm"], ["vite7", "jsr"]] as const : []) {
          await t.step(`${name}'s development server, ${form} form`, async () => {
            await using server = await developmentServer(scratch.folder(form), name);
            same(await ask(browser, `${server.url}/?backend=default`));
            same(await ask(browser, `${server.url}/?backend=wasm`), name === "vite7" ? 1 : 0);
            same(await ask(browser, `${server.url}/?backend=in place`));
          });
        }
      } finally {
        await browser.close();
      }
      if (!long) return;
      await t.step("an extension's page, Manifest V3, built by Vite 8", async () => {
        vite(scratch, "npm", "vite");
        same(await askExtension(join(scratch.folder("npm"), "dist")));
      });
    },
  });

  if (!long) return;
  await t.step("deno bundle", () => {
    scratch.run(process.execPath, ["bundle", "--platform", "deno", "-o", "bundle.js", "run.js"], "jsr");
    const out = scratch.run(process.execPath, ["run", "-A", "bundle.js", "wasm"], "jsr");
    same(JSON.parse(out.slice(out.indexOf("{"))), 1); // no worker is beside the bundle
  });
});

/** Colours of the picture that this checkout makes. */
async function picture(): Promise<Uint8Array> {
  await using pipeline = await createPipeline({ backend: wasm({ worker: false }) });
  const { images } = await pipeline.generate({ prompt: "a red house", sampler: ufogen(), seed: 7 });
  return images[0]!.data;
}

const node = (version: number) => ["npx", "-y", `--package=node@${version}`, "--", "node"];
const bun = ["npx", "-y", "bun@1.4.5"];
const deno = [process.execPath, "run", "-A"];

/** Programs outside of browsers. Node has no workers of the web: there wasm runs in place and says so. */
const programs: readonly {
  readonly name: string;
  readonly form: Form;
  readonly command: readonly string[];
  readonly backend: "default" | "wasm" | "in place";
  readonly warned?: number;
  readonly short?: boolean;
}[] = [
  { name: "Node 22", form: "npm", command: node(22), backend: "wasm", warned: 1, short: true },
  { name: "Node 24", form: "jsr", command: node(24), backend: "default", short: true },
  { name: "Bun", form: "npm", command: bun, backend: "wasm", short: true },
  { name: "Deno", form: "jsr", command: deno, backend: "wasm", short: true },
  { name: "Node 22", form: "npm", command: node(22), backend: "default" },
  { name: "Node 24", form: "npm", command: node(24), backend: "in place" },
  { name: "Node 24", form: "jsr", command: node(24), backend: "wasm", warned: 1 },
  { name: "Bun", form: "jsr", command: bun, backend: "default" },
  { name: "Deno", form: "npm", command: deno, backend: "default" },
];

const wasmPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

interface PageCase {
  readonly backend: "default" | "wasm" | "in place";
  readonly policy?: string;
  readonly warned?: number;
}

/** Built sites. Chromium runs without a GPU here, so the default backend is WASM. */
const sites: readonly {
  readonly name: string;
  readonly form: Form;
  readonly build: (scratch: Scratch, form: Form) => void;
  readonly pages: readonly PageCase[];
  readonly short?: boolean;
}[] = [
  {
    name: "Vite 8",
    form: "npm",
    build: (scratch, form) => vite(scratch, form, "vite"),
    pages: [
      { backend: "default" },
      { backend: "wasm", policy: wasmPolicy },
      { backend: "wasm", policy: `${wasmPolicy}; worker-src 'none'`, warned: 1 },
    ],
    short: true,
  },
  {
    name: "esbuild",
    form: "jsr",
    build: (scratch, form) => esbuild(scratch, form, ["page.js", worker]),
    pages: [{ backend: "wasm" }],
  },
  {
    name: "esbuild as the README has it",
    form: "npm",
    build: readmeBundle,
    pages: [{ backend: "wasm" }],
    short: true,
  },
  {
    name: "esbuild without the worker",
    form: "npm",
    build: (scratch, form) => esbuild(scratch, form, ["page.js"]),
    pages: [{ backend: "wasm", warned: 1 }],
  },
  {
    name: "Vite 7",
    form: "jsr",
    build: (scratch, form) => vite(scratch, form, "vite7"),
    pages: [{ backend: "default" }, { backend: "wasm" }, { backend: "in place" }],
  },
  { name: "webpack", form: "npm", build: webpack, pages: [{ backend: "default" }, { backend: "wasm" }] },
];

const worker = "wasm_worker=@mobile-diffusion/sdk/backends/wasm_worker";

function vite(scratch: Scratch, form: Form, name: string): void {
  scratch.run("node", [`node_modules/${name}/bin/vite.js`, "build", "--emptyOutDir"], form);
}

function esbuild(scratch: Scratch, form: Form, entries: readonly string[]): void {
  const options = ["--bundle", "--splitting", "--minify", "--format=esm", "--outdir=dist"];
  scratch.run("rm", ["-rf", "dist"], form);
  scratch.run("node_modules/.bin/esbuild", [...entries, ...options], form);
  const folder = scratch.folder(form);
  copyFileSync(join(folder, "index.html"), join(folder, "dist/index.html"));
  copyFileSync(runtimeFile(folder), join(folder, "dist/ort-wasm-simd-threaded.wasm"));
}

function readmeBundle(scratch: Scratch, form: Form): void {
  const folder = scratch.folder(form);
  scratch.run("rm", ["-rf", "dist"], form);
  scratch.run("sh", ["-ec", readmeBlock("bundler")], form);
  copyFileSync(join(folder, "index.html"), join(folder, "dist/index.html"));
}

/** The block of code that the README marks by this word. */
function readmeBlock(mark: string): string {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const [, block] = readme.match(new RegExp(`<!-- ${mark} -->\\n\`\`\`.*\\n([^]*?)\`\`\``)) ?? [];
  assert.ok(block, `the README has no block "${mark}"`);
  return block;
}

/** The runtime's file, which esbuild leaves where it is. */
function runtimeFile(folder: string): string {
  const sdk = createRequire(join(folder, "node_modules/@mobile-diffusion/sdk/mod.js"));
  return sdk.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
}

function webpack(scratch: Scratch, form: Form): void {
  const folder = scratch.folder(form);
  scratch.run("rm", ["-rf", "dist"], form);
  writeFileSync(
    join(folder, "webpack.config.mjs"),
    `export default { mode: "production", entry: "./page.js", performance: { hints: false },
      optimization: { minimize: false }, output: { path: ${
      JSON.stringify(join(folder, "dist"))
    }, publicPath: "/" } };`,
  );
  scratch.run("node_modules/.bin/webpack", [], form);
  writeFileSync(
    join(folder, "dist/index.html"),
    `<!doctype html><div id="out"></div><script type="module" src="./main.js"></script>`,
  );
}

/**
 * Bytes of the SDK in a page, minified and gzipped, without ONNX Runtime and the model: what it starts with, and all
 * with what is loaded when it is needed (codecs of JPEG and WebP, pictures' records, Core ML).
 */
function bundleSize(scratch: Scratch): { readonly start: number; readonly all: number } {
  const folder = scratch.folder("npm");
  writeFileSync(
    join(folder, "small.js"),
    `import { createPipeline } from "@mobile-diffusion/sdk";
     import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
     globalThis.start = () => createPipeline({ backend: wasm() });`,
  );
  const options = [
    "--bundle",
    "--splitting",
    "--minify",
    "--format=esm",
    "--outdir=small",
    "--metafile=small.json",
  ];
  scratch.run("node_modules/.bin/esbuild", ["small.js", ...options]);
  const { outputs } = JSON.parse(readFileSync(join(folder, "small.json"), "utf8")) as {
    outputs: Record<string, { inputs: Record<string, unknown>; imports: { path: string; kind: string }[] }>;
  };
  const chunks = Object.entries(outputs).map(([path, { inputs }]) => ({
    path,
    inputs: Object.keys(inputs),
    size: gzipSync(readFileSync(join(folder, path))).length,
  }));
  const of = (part: string) => chunks.filter(({ inputs }) => inputs.some((input) => input.includes(part)));
  const apart = [...of("/assets/mini/"), ...of("/onnxruntime-web/")];
  assert.ok(of("/assets/mini/").length >= 6);
  assert.ok(
    apart.every(({ inputs }) => inputs.length === 1),
    "the model and the runtime are chunks of their own",
  );
  const sum = (some: typeof chunks) => some.reduce((total, { size }) => total + size, 0);
  const start = new Set(["small/small.js"]);
  for (const path of start) {
    for (const { path: next, kind } of outputs[path]!.imports) {
      if (kind === "import-statement") start.add(next);
    }
  }
  return {
    start: sum(chunks.filter(({ path }) => start.has(path))),
    all: sum(chunks.filter((chunk) => !apart.includes(chunk))),
  };
}
