import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeImage, readPngText } from "../image/mod.ts";
import { inFolder, model, run, small } from "./_cli.ts";

Deno.test("generate writes a picture, reports it as JSON alone, and --from makes it again", () =>
  inFolder(async (folder) => {
    const first = await run(folder, [
      "generate",
      "a small house, by the lake",
      ...small,
      "--seed",
      "7",
      "--guidance",
      "5",
      "--json",
    ]);
    assert.equal(first.code, 0, first.err);
    const report = JSON.parse(first.out);
    assert.deepEqual(
      [report.model, report.backend, report.sampler, report.steps, report.seed],
      ["sd15-tiny", "native", "ddim", 3, 7],
    );
    assert.deepEqual(Object.keys(report.milliseconds), ["load", "encode", "denoise", "decode", "total"]);
    const bytes = await Deno.readFile(`${folder}/${report.images[0].path}`);
    const image = await decodeImage(bytes);
    assert.equal(createHash("sha256").update(image.data).digest("hex"), report.images[0].sha256);
    assert.match(
      (await readPngText(bytes)).parameters!,
      /^a small house, by the lake\nSteps: 3, Sampler: ddim, CFG scale: 5, Seed: 7, Size: 64x64/,
    );
    assert.match(first.err, /left/);
    assert.doesNotMatch(first.err, /seed/);
    assert.deepEqual([report.prompt, report.images[0].seed], ["a small house, by the lake", 7]);

    const again = await run(folder, [
      "generate",
      "--from",
      "out.png",
      "--model",
      model,
      "--backend",
      "native",
      "--out",
      "again.png",
      "--json",
    ]);
    assert.equal(again.code, 0, again.err);
    assert.equal(JSON.parse(again.out).images[0].sha256, report.images[0].sha256);
  }));

Deno.test("generate --count writes numbered pictures of successive seeds, in the format of the name", () =>
  inFolder(async (folder) => {
    const { code, out, err } = await run(folder, [
      "generate",
      "a lake",
      ...small,
      "--seed",
      "1",
      "--count",
      "2",
      "--out",
      "lake.webp",
    ]);
    assert.equal(code, 0, err);
    assert.equal(out, "lake-1.webp\nlake-2.webp\n");
    for (const path of out.trim().split("\n")) {
      assert.equal((await decodeImage(await Deno.readFile(`${folder}/${path}`))).width, 64);
    }
  }));

Deno.test("generate --seed -1 takes a random seed and says which", () =>
  inFolder(async (folder) => {
    const { code, err } = await run(folder, ["generate", "a lake", ...small, "--seed", "-1"]);
    assert.equal(code, 0, err);
    const [, seed] = err.match(/^seed (\d+)$/m) ?? [];
    const text = await readPngText(await Deno.readFile(`${folder}/out.png`));
    assert.match(text.parameters!, new RegExp(`Seed: ${seed},`));
  }));

Deno.test("inspect lists the parts of a model", () =>
  inFolder(async (folder) => {
    const { out } = await run(folder, ["inspect", model, "--json"]);
    const parts = JSON.parse(out) as {
      component: string;
      kind: string;
      tensors: number;
      parameters: number;
    }[];
    assert.deepEqual(parts.map(({ component, kind, tensors }) => [component, kind, tensors]), [
      ["text_encoder", "CLIPTextModel", 53],
      ["unet", "UNet2DConditionModel", 686],
      ["vae", "AutoencoderKL", 244],
    ]);
  }));

Deno.test("generate takes LoRAs with scales, and controls with pictures", () =>
  inFolder(async (folder) => {
    const reference = new URL("./reference", import.meta.url).pathname;
    const request = [
      "generate",
      "a lake",
      "--model",
      `${reference}/pipelines/small4-tiny`,
      "--backend",
      "native",
    ];
    const sized = [
      ...request,
      "--width",
      "64",
      "--height",
      "64",
      "--steps",
      "2",
      "--sampler",
      "ddim",
      "--seed",
      "1",
      "--json",
    ];
    const hash = async (args: readonly string[]) => {
      const { code, out, err } = await run(folder, [...sized, ...args]);
      assert.equal(code, 0, err);
      return JSON.parse(out).images[0].sha256 as string;
    };
    const lora = `${reference}/lora/peft.safetensors`;
    const control = ["--control", `${reference}/models/controlnet`, "--control-image", "out.png"];
    const plain = await hash([]);
    const hashes = [
      plain,
      await hash(["--lora", lora]),
      await hash(["--lora", `${lora}:0.5`]),
      await hash(control),
      await hash([...control, "--control-scale", "0.5", "--control-edges"]),
    ];
    assert.equal(new Set(hashes).size, hashes.length);
    assert.equal(await hash(["--lora", `${lora}:0`]), plain);
  }));

const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
  [["paint"], /Unknown command "paint": expected one of generate, batch, grid, inspect, download, quantize/],
  [["generate"], /Expected one prompt in quotes, got 0/],
  [["generate", "a", "b", ...small], /Expected one prompt in quotes, got 2/],
  [["generate", "a", "--modle", "x"], /Unknown option --modle/],
  [["generate", "a", ...small, "--sampler", "eulr"], /did you mean "euler"/],
  [["generate", "a", ...small, "--backend", "cuda"], /Unknown --backend cuda: expected one of/],
  [["generate", "a", ...small, "--steps", "many"], /--steps many: expected a number/],
  [["generate", "a", ...small, "--width", "60"], /width 60: expected a multiple of 8/],
  [["generate", "a", ...small, "--out", "picture.gif"], /expected a name that ends in/],
  [
    ["generate", "a", ...small, "--out", "no/such/folder/a.png"],
    /^UsageError: Cannot write the picture to "no\/such\/folder\/a.png": no such file or directory\.\n$/,
  ],
  [
    ["generate", "a", ...small, "--image", "absent.png"],
    /Cannot read the picture "absent.png": no such file or directory\.\n$/,
  ],
  [["generate", "a", "--model", "absent"], /Cannot open the model "absent": there is no such folder/],
  [["generate", "a", ...small, "--control", "edges"], /1 --control with 0 --control-image/],
  [
    ["generate", "a", ...small, "--lora", "absent.safetensors"],
    /"absent.safetensors": there is no such file/,
  ],
  [["inspect", "absent"], /Cannot open the model "absent"/],
];
for (const [args, message] of mistakes) {
  Deno.test(`the command line explains: ${args.filter((word) => !small.includes(word)).join(" ")}`, () =>
    inFolder(async (folder) => {
      const { code, out, err } = await run(folder, args);
      assert.equal(code, 1);
      assert.equal(out, "");
      assert.match(err, message);
      assert.doesNotMatch(err, /\n\s+at |mkdtemp|\b[A-Z]{5,}:/);
    }));
}
