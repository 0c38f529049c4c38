/** Weights that Bun writes are those that Deno writes. */
import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import { encodeSafetensors } from "../weights/write_safetensors.ts";
import { memoryWeights } from "../weights/memory.ts";
import { inFolder } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;

/** Many tensors of odd sizes, so that no buffer's length hides what is added at its end. */
const script = `
  export const tensors = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [
    "tensor" + i,
    { dtype: "F32", shape: [1000 * i + 7], data: Float32Array.from({ length: 1000 * i + 7 }, (_, j) => i + j) },
  ]));`;
const { tensors } = await import(`data:text/javascript,${encodeURIComponent(script)}`);

Deno.test("Bun writes the same safetensors file", () =>
  inFolder(async (folder) => {
    await esbuild.build({
      stdin: {
        contents: `
          import { memoryWeights } from "./weights/memory.ts";
          import { writeSafetensors } from "./weights/write_safetensors.ts";
          ${script}
          await writeSafetensors("bun.safetensors", memoryWeights(tensors));`,
        resolveDir: root,
      },
      bundle: true,
      format: "esm",
      platform: "node",
      outfile: `${folder}/write.mjs`,
    });
    await esbuild.stop();
    const run = (command: string, args: string[]) =>
      new Deno.Command(command, { args, cwd: folder }).output();
    const { code, stderr } = await run("bun", ["write.mjs"]).catch(() =>
      run("npx", ["-y", "bun@1.4.5", "write.mjs"])
    );
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const written = await Deno.readFile(`${folder}/bun.safetensors`);
    const expected = await encodeSafetensors(memoryWeights(tensors));
    assert.equal(written.length, expected.length);
    assert.equal(written.findIndex((byte, i) => byte !== expected[i]), -1);
  }));
