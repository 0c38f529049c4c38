/**
 * Pictures of other programs on the command line. The files were written by Pillow in the conventions of the programs;
 * `pictures/sdcpp_*` are stable-diffusion.cpp's, the others A1111's.
 */
import assert from "node:assert/strict";
import { inFolder, model, run } from "./_cli.ts";

const pictures = new URL("./data/field/pictures/", import.meta.url).pathname;
const common = ["--model", model, "--backend", "native", "--json"];

/** The hash of the picture that is made, and what was said. */
async function generate(
  folder: string,
  ...args: readonly string[]
): Promise<{ sha256?: string; said: string }> {
  const { code, out, err } = await run(folder, ["generate", ...args, ...common]);
  const said = err.split("\n").filter((line) => /^--from|Error/.test(line)).join("\n");
  return code === 0 ? { sha256: JSON.parse(out).images[0].sha256, said } : { said };
}

const from = (folder: string, name: string, ...args: readonly string[]) =>
  generate(folder, "--from", `${pictures}${name}`, ...args);

Deno.test("A1111: a denoising strength does not make a picture one from another picture", () =>
  inFolder(async (folder) => {
    const hires = await from(folder, "hires.png");
    assert.ok(hires.sha256, hires.said);
    assert.match(hires.said, /its second pass at a larger size is not made/);
    const unclear = await from(folder, "api_default.png");
    assert.ok(unclear.sha256, unclear.said);
    assert.match(unclear.said, /if it was made from another picture, that is wanted \(see --image\)/);
  }));

Deno.test("A1111: brackets are weights", () =>
  inFolder(async (folder) => {
    const words = ["a (red:1.6) house, [[fog]], ((tree))", "--negative-prompt", "(blue:1.4)"];
    const rest = ["--sampler", "Euler", "--steps", "2", "--guidance", "7", "--seed", "1234", "--width", "64"];
    const weighted = await generate(
      folder,
      ...words,
      ...rest,
      "--height",
      "64",
      "--prompt-syntax",
      "weighted",
    );
    assert.equal((await from(folder, "emphasis.png")).sha256, weighted.sha256);
    const otherNoise = await from(folder, "emphasis.png", "--rng", "cuda");
    assert.notEqual(otherNoise.sha256, weighted.sha256);
    assert.doesNotMatch(otherNoise.said, /random numbers/);
  }));

Deno.test("stable-diffusion.cpp: every sampler that exists here is found", () =>
  inFolder(async (folder) => {
    const hashes = new Set<string>();
    for (const name of ["plain", "2m", "heun", "lcm", "discrete", "2s", "ddim"]) {
      const { sha256, said } = await from(folder, `sdcpp_${name}.png`);
      assert.ok(sha256, said);
      hashes.add(sha256);
    }
    assert.equal(hashes.size, 7);
  }));

Deno.test("A1111: JPEG and WebP say the same in EXIF", () =>
  inFolder(async (folder) => {
    const [jpeg, webp] = [await from(folder, "picture.jpg"), await from(folder, "picture.webp")];
    assert.ok(jpeg.sha256, jpeg.said);
    assert.equal(jpeg.sha256, webp.sha256);
  }));

Deno.test("A1111: every schedule type is used or named", () =>
  inFolder(async (folder) => {
    const { sha256: plain } = await from(folder, "uniform.png", "--sampler", "Euler");
    const hashes = new Map<string, string>();
    for (const name of ["uniform", "simple", "poly", "beta", "karras", "sgm", "ays"]) {
      const { sha256, said } = await from(folder, `${name}.png`);
      assert.ok(sha256, said);
      assert.notEqual(sha256, plain, name);
      hashes.set(sha256, name);
    }
    assert.equal(hashes.size, 7, [...hashes.values()].join());
    const { said } = await from(folder, "sde.png");
    assert.match(said, /the sampler "DPM\+\+ SDE", which is none of ours, expected --sampler too/);
  }));

Deno.test("our own picture is made again from its file alone, whatever it was made with", async (t) => {
  const photo = `${pictures}upright.png`;
  const begin = ["a red house", "--steps", "4", "--seed", "3", "--backend", "native", "--json"];
  const tiny = ["--model", model, "--width", "64", "--height", "64"];
  const cases: readonly (readonly [what: string, out: string, ...args: string[]])[] = [
    ["as it is", "a.png"],
    ["with a LoRA", "a.png", "--lora", "candy:0.7"],
    ["with a control", "a.png", "--control", "edges", "--control-image", photo, "--control-edges"],
    ["with a mask", "a.png", "--image", photo, "--mask", `${pictures}mask.png`],
    ["in 8 bits", "a.png", "--dtype", "int8"],
    ["from a GPU's random numbers", "a.webp", "--rng", "cuda"],
    ["of another model", "a.jpg", ...tiny],
  ];
  for (const [what, out, ...args] of cases) {
    await t.step(what, () =>
      inFolder(async (folder) => {
        const first = await run(folder, ["generate", ...begin, ...args, "--out", out]);
        assert.equal(first.code, 0, first.err);
        const named = args.includes("--model") ? ["--model", model] : []; // a picture chooses none
        const again = await run(folder, ["generate", "--from", out, ...named, "--out", "b.png", "--json"]);
        assert.equal(again.code, 0, again.err);
        const [{ images: [a] }, { images: [b] }] = [JSON.parse(first.out), JSON.parse(again.out)];
        assert.equal(a.sha256, b.sha256);
        assert.doesNotMatch(again.err, /--from/);
      }));
  }
});

Deno.test("a file that is gone, or another one, is named", () =>
  inFolder(async (folder) => {
    await Deno.copyFile(`${pictures}upright.png`, `${folder}/photo.png`);
    const args = [
      "a red house",
      "--steps",
      "4",
      "--backend",
      "native",
      "--image",
      "photo.png",
      "--out",
      "a.png",
    ];
    assert.equal((await run(folder, ["generate", ...args])).code, 0);
    await Deno.copyFile(`${pictures}mask.png`, `${folder}/photo.png`);
    const changed = await run(folder, ["generate", "--from", "a.png", "--out", "b.png"]);
    assert.match(changed.err, /its Image hash was [0-9a-f]{64} and is [0-9a-f]{64} now: another file stands/);
    await Deno.remove(`${folder}/photo.png`);
    const gone = await run(folder, ["generate", "--from", "a.png", "--out", "b.png"]);
    assert.match(gone.err, /Cannot read the picture "photo.png"/);
    assert.equal(gone.code, 1);
  }));
