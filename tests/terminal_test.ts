/** Whatever files hold, what the command line prints of them moves no cursor. */
import assert from "node:assert/strict";
import { encodeImage } from "../image/mod.ts";
import { encodeSafetensors, memoryWeights } from "../weights/mod.ts";
import { inFolder, output } from "./_cli.ts";

/** What a terminal obeys, but for ends of lines. */
const obeyed = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
const hostile = "\x1b[2J\x1b]0;x\x07\r\x9b31m\u202ey\u2028";
const pixel = { width: 1, height: 1, data: new Uint8Array(3) };
const matrix = (rows: number, columns: number) =>
  ({ dtype: "F32", shape: [rows, columns], data: new Float32Array(rows * columns).fill(1) }) as const;

/** Files with such characters wherever a file has text. */
async function hostileFiles(): Promise<Readonly<Record<string, Uint8Array>>> {
  const parameters = `a ${hostile} house\nNegative prompt: ${hostile}\nSteps: 4, Sampler: Euler, Seed: 1, ` +
    `Model: m${hostile}, VAE: ${hostile}, X${"y"}: ${hostile}, RNG: ${hostile}`;
  const graph = JSON.stringify({ "1": { class_type: hostile, inputs: { text: hostile } } });
  return {
    "parameters.png": await encodeImage(pixel, "png", { text: { parameters } }),
    "parameters.jpg": await encodeImage(pixel, "jpeg", { text: { parameters } }),
    "parameters.webp": await encodeImage(pixel, "webp", { text: { parameters } }),
    "graph.png": await encodeImage(pixel, "png", { text: { prompt: graph } }),
    "embedding.safetensors": await encodeSafetensors(memoryWeights({ [hostile]: matrix(2, 4) })),
    "lora.safetensors": await encodeSafetensors(memoryWeights({
      [`lora_unet_${hostile}.lora_down.weight`]: matrix(2, 4),
      [`lora_unet_${hostile}.lora_up.weight`]: matrix(4, 2),
      [`${hostile}.alpha`]: { dtype: "F32", shape: [], data: new Float32Array([2]) },
    })),
    "other.safetensors": await encodeSafetensors(memoryWeights({ [hostile]: matrix(2, 4), x: matrix(1, 1) })),
  };
}

Deno.test("nothing out of a file reaches a terminal that it would obey, however the file was changed", () =>
  inFolder(async (folder) => {
    const files = Object.entries(await hostileFiles());
    let state = 5;
    const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
    const count = Deno.env.get("LONG") === "1" ? 10_000 : 150;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const [name, whole] = files[i % files.length]!;
      const bytes = whole.slice();
      if (i >= files.length) {
        for (let change = 0; change < below(4); change++) bytes[below(bytes.length)] = below(256);
      }
      await Deno.writeFile(`${folder}/${name}`, bytes);
      const { code, out, err } = await output("inspect", `${folder}/${name}`);
      for (const line of `${out}\n${err}`.split("\n")) assert.doesNotMatch(line, obeyed, name);
      assert.ok(code === 0 ? err === "" : err.trim().split("\n").length === 1, `${name}: ${err}`);
      read += Number(code === 0);
    }
    assert.ok(read > count / 5, `${read} of ${count} were read`);
    for (const args of [["--lora", "lora.safetensors"], ["--inversion", "embedding.safetensors"]]) {
      for (const [name, bytes] of files) await Deno.writeFile(`${folder}/${name}`, bytes);
      const [option, file] = args as [string, string];
      const { code, err } = await output(
        "generate",
        "a house",
        option,
        `${folder}/${file}`,
        "--out",
        `${folder}/a.png`,
      );
      assert.equal(code, 1);
      for (const line of err.split("\n")) assert.doesNotMatch(line, obeyed, err);
    }
  }));
