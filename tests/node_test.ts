/**
 * The SDK in a bundle, under plain Node: 24 or newer, for `AsyncDisposableStack`. Where `node` is older, npm's package
 * of it runs.
 */
import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import { wasm } from "../backends/wasm.ts";
import { decodeImage, readPngText } from "../image/mod.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { inFolder } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;

const script = `
  import { createPipeline } from "./mod.ts";
  import { wasm } from "./backends/wasm.ts";
  import { writeFile } from "node:fs/promises";

  await using pipeline = await createPipeline({ backend: wasm({ worker: false }) });
  const { images } = await pipeline.generate({ prompt: "a red house", seed: 7, steps: 2 });
  for (const format of ["png", "jpeg", "webp"]) await writeFile("house." + format, await images[0].encode(format));
`;

/** Bundles the SDK, not its dependencies, as an application's build does. */
async function bundle(folder: string): Promise<void> {
  await esbuild.build({
    stdin: { contents: script, resolveDir: root, loader: "ts" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    outdir: folder,
    outExtension: { ".js": ".mjs" },
  });
  await esbuild.stop();
  await Deno.symlink(`${root}node_modules`, `${folder}/node_modules`);
}

async function node(cwd: string, args: readonly string[]) {
  const run = async (command: string, args: readonly string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd }).output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };
  const { out } = await run("node", ["--version"]).catch(() => ({ out: "" }));
  const recent = Number(out.match(/^v(\d+)/)?.[1] ?? 0) >= 24;
  return recent
    ? await run("node", args)
    : await run("npx", ["-y", "--package=node@24.9.0", "--", "node", ...args]);
}

Deno.test("a bundle makes the same picture under plain Node", () =>
  inFolder(async (folder) => {
    await bundle(folder);
    const { code, err } = await node(folder, ["stdin.mjs"]);
    assert.equal(code, 0, err);
    const png = await Deno.readFile(`${folder}/house.png`);
    assert.match((await readPngText(png)).parameters!, /^a red house\nSteps: 2/);
    const theirs = await decodeImage(png);
    await using pipeline = await createPipeline({ backend: wasm({ worker: false }) });
    const { images: [ours] } = await pipeline.generate({ prompt: "a red house", seed: 7, steps: 2 });
    const off = ours!.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - theirs.data[i]!)), 0);
    assert.ok(off <= 1, `${off} of 255 off`); // the number of threads may change the order of a sum
    for (const format of ["jpeg", "webp"]) {
      assert.equal((await decodeImage(await Deno.readFile(`${folder}/house.${format}`))).width, ours!.width);
    }
  }));
