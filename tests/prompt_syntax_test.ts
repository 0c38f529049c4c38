/** A1111's prompt syntax in whole runs: words that change, prompts that steer together, networks that are no words. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { GenerateOptions } from "../pipeline/generate_options.ts";
import { createPipeline } from "../mod.ts";
import { euler } from "../samplers/euler.ts";
import { maxAbsDifference } from "./_fixtures.ts";
import { inFolder, run, small } from "./_cli.ts";

const model = new URL("./reference/pipelines/small4-tiny", import.meta.url).pathname;
const base = {
  steps: 4,
  seed: 1,
  width: 64,
  height: 64,
  promptSyntax: "weighted",
  sampler: euler(),
} as const;

Deno.test("prompts that change and prompts joined by AND", async (t) => {
  await using pipeline = await createPipeline({ model, backend: native() });
  const said: string[] = [];
  const latents = async (prompt: string | readonly string[], options: Partial<GenerateOptions> = {}) => {
    const onWarning = (message: string) => void said.push(message);
    return (await pipeline.generate({ ...base, prompt, onWarning, ...options })).latents.data;
  };
  const close = (
    a: Awaited<ReturnType<typeof latents>>,
    b: Awaited<ReturnType<typeof latents>>,
    tolerance = 1e-4,
  ) => assert.ok(maxAbsDifference(a, b) < tolerance, `differ by ${maxAbsDifference(a, b)}`);
  const far = (a: Awaited<ReturnType<typeof latents>>, b: Awaited<ReturnType<typeof latents>>) =>
    assert.ok(maxAbsDifference(a, b) > 1e-2, `differ by ${maxAbsDifference(a, b)}`);
  const [red, blue] = [await latents("a red house"), await latents("a blue house")];

  await t.step("a word is another one after a step", async () => {
    close(await latents("a [red:blue:4] house"), red, 1e-6);
    close(await latents("a [red:blue:0] house"), blue, 1e-6);
    const half = await latents("a [red:blue:0.5] house");
    close(await latents("a [red:blue:2] house"), half, 1e-6);
    far(half, red);
    far(half, blue);
  });
  await t.step("the steps are those of a run from a picture, too", async () => {
    const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(99) };
    const from = (prompt: string) => latents(prompt, { image, strength: 0.5 }); // two of four steps
    close(await from("a [red:blue:2] house"), await from("a red house"), 1e-6);
    far(await from("a [red:blue:1] house"), await from("a red house"));
  });
  await t.step("words take turns, in each row its own", async () => {
    const turns = await latents("a [red|blue] house");
    far(turns, red);
    far(turns, blue);
    const both = await latents(["a [red|blue] house", "a red house"], { seed: [1, 1] });
    close(both.subarray(0, turns.length), turns);
    close(both.subarray(turns.length), red);
  });
  await t.step("AND adds what prompts ask for", async () => {
    // u + 3 · ((c − u) + (c − u)) is guidance 6, and so is half of each twice as strong.
    const twice = await latents("a red house", { guidance: 6 });
    close(await latents("a red house AND a red house", { guidance: 3 }), twice);
    close(await latents("a red house :0.25 AND a red house :0.75", { guidance: 6 }), twice);
    close(await latents("a red house AND a blue house :0", { guidance: 6 }), twice);
    far(await latents("a red house AND a blue house", { guidance: 3 }), twice);
    const passes = await latents("a red house AND a blue house :0.5", { guidanceMode: "passes" });
    close(passes, await latents("a red house AND a blue house :0.5"));
    await assert.rejects(latents("a AND b", { guidance: 1 }), /expected a guidance scale above 1/);
    const rows = await latents(["a red house AND a blue house", "a red house"], {
      seed: [1, 1],
      batchSize: 1,
    });
    close(rows.subarray(red.length), red);
  });
  await t.step("networks are told, and no words", async () => {
    assert.deepEqual(said, []);
    close(await latents("a red house<lora:style:0.8>"), red, 1e-6);
    close(await latents("a red house<hypernet:x:1>"), red, 1e-6);
    assert.match(said.join("\n"), /<lora:style:0.8> is not used[^]*<hypernet:x:1> is not used/);
    said.length = 0;
    far(await latents("a red house<lora:style:0.8>", { promptSyntax: "plain" }), red); // literally
    assert.deepEqual(said, []);
  });
});

Deno.test("--lora-folder finds what a prompt names", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/loras/style`, { recursive: true });
    const lora = new URL("./reference/lora/kohya.safetensors", import.meta.url);
    await Deno.copyFile(lora, `${folder}/loras/style/candy.safetensors`);
    const args = [...small, "--model", model, "--seed", "1", "--json", "--prompt-syntax", "weighted"];
    const made = async (prompt: string, ...options: string[]) => {
      const { out, err } = await run(folder, ["generate", prompt, ...args, ...options]);
      return { sha256: out === "" ? undefined : JSON.parse(out).images[0].sha256 as string, err };
    };
    const named = await made("a house <lora:candy:0.5>", "--lora-folder", "loras");
    const given = await made("a house ", "--lora", "loras/style/candy.safetensors:0.5");
    assert.ok(named.sha256, named.err);
    assert.equal(named.sha256, given.sha256);
    assert.notEqual(named.sha256, (await made("a house ")).sha256);
    const missing = await made("a house <lora:toffee>", "--lora-folder", "loras");
    assert.match(
      missing.err,
      /Cannot use <lora:toffee> of the prompt: --lora-folder loras has no toffee.safetensors/,
    );
    const again = await run(folder, ["generate", "--from", "out.png", "--model", model, "--json"]);
    assert.equal(JSON.parse(again.out).images[0].sha256.length, 64, again.err);
  }));

Deno.test("a strength of 0 keeps the picture", async () => {
  await using pipeline = await createPipeline({ model, backend: native() });
  const image = { width: 64, height: 64, data: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 200) };
  const run = { prompt: "a [red|blue] house", steps: 4, seed: 1, promptSyntax: "weighted", image } as const;
  const { images: [kept], latents } = await pipeline.generate({ ...run, strength: 0, count: 1 });
  assert.deepEqual([kept!.width, latents.shape], [64, [1, 4, 8, 8]]);
  const vae = await pipeline.model.vae.get();
  const { data } = await vae.decode(latents);
  assert.equal(data.length, 3 * 64 * 64);
  const { latents: changed } = await pipeline.generate({ ...run, strength: 0.5 });
  assert.ok(maxAbsDifference(latents.data, changed.data) > 1e-2);
});
