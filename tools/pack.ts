/**
 * Packs the SDK for npm in the two forms that people install: `deno run -A tools/pack.ts [folder]`.
 *
 * - `jsr/`: as JSR packs it for npm, which writes `package.json` by itself: exports and dependencies, nothing else.
 * - `npm/`: our own package, for Node 22 too, with a command, engines and optional peers.
 */
import * as esbuild from "esbuild";
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import config from "../deno.json" with { type: "json" };

const root = new URL("..", import.meta.url).pathname;

/** Packages that are not installed with the SDK: large, native, and only for some platforms. */
const optional: readonly string[] = ["onnxruntime-node", "tokenizers"];

/** Packs both forms into a folder and gives the paths of their tarballs. */
export async function pack(folder: string): Promise<{ readonly jsr: string; readonly npm: string }> {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, "deno-pack.tgz");
  run(process.execPath, ["pack", "--allow-dirty", "--no-source-maps", "-o", base], root);
  run("tar", ["-xf", base], folder);
  const jsr = join(folder, "jsr");
  const npm = join(folder, "npm");
  for (const form of [jsr, npm]) {
    rmSync(form, { recursive: true, force: true });
    copyWhatIsImported(join(folder, "package"), form);
  }
  rmSync(join(folder, "package"), { recursive: true });
  rmSync(base);
  const dependencies = dependenciesOf(join(jsr, "package.json"));
  writeJson(join(jsr, "package.json"), { ...identity, exports: exportsOf(jsr, false), dependencies });
  await lower(npm);
  bundleRuntime(npm);
  writeJson(join(npm, "package.json"), {
    ...identity,
    description: "Text to image on the device that the user already has",
    license: config.license,
    engines: { node: ">=22" },
    bin: { "mobile-diffusion": "./bin/mobile-diffusion.js" },
    sideEffects: ["./backends/wasm_worker.js", "./backends/**/_*worker.js", "./bin/*.js"],
    exports: exportsOf(npm, true),
    dependencies: { ...dependencies, "onnxruntime-common": dependencies[runtime] },
    bundleDependencies: [runtime],
    peerDependencies: Object.fromEntries(optional.map((name) => [name, versionOf(name)])),
    peerDependenciesMeta: Object.fromEntries(optional.map((name) => [name, { optional: true }])),
  });
  return { jsr: tarball(jsr), npm: tarball(npm) };
}

const identity = { name: config.name, version: config.version, type: "module" } as const;

/** JSR's package for npm holds the modules that the exports reach, and no other file. */
function copyWhatIsImported(from: string, to: string): void {
  for (const path of globSync(["**/*.js", "**/*.d.ts", "package.json"], { cwd: from })) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(from, path), join(to, path));
  }
  for (const path of ["README.md", "LICENSE"]) cpSync(join(root, path), join(to, path));
}

/** `deno pack` finds what is imported; the versions are those of our import map, as JSR has them. */
function dependenciesOf(packageJson: string): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(packageJson, "utf8")) as { dependencies: object };
  const names = Object.keys(dependencies).filter((name) => !name.startsWith("@types/"));
  return Object.fromEntries(names.map((name) => [name, versionOf(name)]));
}

function versionOf(name: string): string {
  const imports = Object.values(config.imports);
  const found = imports.find((specifier) =>
    specifier.startsWith(`npm:${name}@`) || specifier.startsWith(`npm:/${name}@`)
  );
  if (found === undefined) throw new Error(`Cannot pack: deno.json names no version of ${name}.`);
  return found.slice(found.lastIndexOf("@") + 1).replace("/", "");
}

function exportsOf(form: string, withTypes: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config.exports).map(([name, path]) => {
      const file = path.replace(/\.ts$/, ".js");
      const types = file.replace(/\.js$/, ".d.ts");
      readFileSync(join(form, file)); // it is there
      return [name, withTypes ? { types, default: file } : file];
    }),
  );
}

/** Writes our own package in what Node 22 and two years old browsers know. */
async function lower(folder: string): Promise<void> {
  const shim = join(folder, "_disposable_stacks.js");
  const files = globSync("**/*.js", { cwd: folder });
  await esbuild.build({
    entryPoints: files.map((file) => join(folder, file)),
    outdir: folder,
    outbase: folder,
    allowOverwrite: true,
    format: "esm",
    target: ["node22", "es2022"],
    supported: { "import-attributes": true },
  });
  for (const file of files) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    const names = ["AsyncDisposableStack", "DisposableStack"].filter((name) => text.includes(`new ${name}(`));
    if (names.length === 0) continue;
    const from = relative(dirname(path), shim).replace(/^(?!\.)/, "./");
    writeFileSync(path, `import { ${names.join(", ")} } from "${from}";\n${text}`);
  }
  writeFileSync(shim, stacks);
  await esbuild.stop();
  for (const file of globSync("**/*.d.ts", { cwd: folder })) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (text.includes("Disposable")) {
      writeFileSync(path, `/// <reference lib="esnext.disposable" />\n${text}`);
    }
  }
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/mobile-diffusion.js"), command);
}

const runtime = "onnxruntime-web";

/** Of the runtime's 140 MB these are used, and of its dependencies onnxruntime-common. */
const runtimeFiles: readonly string[] = [
  "ort.node.min.mjs",
  "ort.wasm.min.mjs",
  "ort.wasm.bundle.min.mjs",
  "ort.webgpu.min.mjs",
  "ort.webgpu.bundle.min.mjs",
  ...["", ".asyncify"].flatMap((variant) =>
    ["mjs", "wasm"].map((kind) => `ort-wasm-simd-threaded${variant}.${kind}`)
  ),
];

/** Puts the runtime's part that is used into the package. */
function bundleRuntime(form: string): void {
  const from = join(root, "node_modules", runtime);
  const to = join(form, "node_modules", runtime);
  mkdirSync(join(to, "dist"), { recursive: true });
  for (const file of ["README.md", ...runtimeFiles.map((name) => `dist/${name}`)]) {
    cpSync(join(from, file), join(to, file));
  }
  const described = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  const { name, version, license, repository, type, main, browser, exports } = described;
  const dependencies = { "onnxruntime-common": version };
  writeJson(join(to, "package.json"), {
    ...{ name, version, license, repository, type, main, browser, exports },
    dependencies,
  });
}

/** What Node 22 lacks, as far as the SDK uses it. Errors of several resources hang together as `using` lets them. */
const stacks = `
function stackClass(disposeSymbol, disposeName, begin) {
  return class {
    #disposers = [];
    use(value) {
      if (value != null) this.defer(() => (value[disposeSymbol] ?? value[Symbol.dispose]).call(value));
      return value;
    }
    adopt(value, dispose) {
      this.defer(() => dispose(value));
      return value;
    }
    defer(dispose) {
      this.#disposers.push(dispose);
    }
    move() {
      const moved = new this.constructor();
      moved.#disposers = this.#disposers.splice(0);
      return moved;
    }
    [disposeSymbol]() {
      return this[disposeName]();
    }
    [disposeName]() {
      return begin(this.#disposers.splice(0).reverse());
    }
  };
}
class Failures {
  failed = false;
  add(error) {
    this.error = this.failed ? Object.assign(new Error("", { cause: error }), { error, suppressed: this.error }) : error;
    this.failed = true;
  }
  raise() {
    if (this.failed) throw this.error;
  }
}
export const DisposableStack = globalThis.DisposableStack ?? stackClass(Symbol.dispose, "dispose", (disposers) => {
  const failures = new Failures();
  for (const dispose of disposers) try { dispose(); } catch (error) { failures.add(error); }
  failures.raise();
});
export const AsyncDisposableStack = globalThis.AsyncDisposableStack ??
  stackClass(Symbol.asyncDispose, "disposeAsync", async (disposers) => {
    const failures = new Failures();
    for (const dispose of disposers) try { await dispose(); } catch (error) { failures.add(error); }
    failures.raise();
  });
`;

const command = `#!/usr/bin/env node
import process from "node:process";
import { main } from "../cli/main.js";

process.exit(await main(process.argv.slice(2)));
`;

function tarball(form: string): string {
  run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", dirname(form)], form);
  const made = join(dirname(form), `${identity.name.slice(1).replace("/", "-")}-${identity.version}.tgz`);
  const path = `${form}.tgz`;
  cpSync(made, path);
  rmSync(made);
  return path;
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (status !== 0) throw new Error(`Cannot pack: ${command} ${args[0]} fails:\n${stdout}${stderr}`);
}

if (import.meta.main) {
  const { jsr, npm } = await pack(process.argv[2] ?? "dist");
  process.stdout.write(`${jsr}\n${npm}\n`);
}
