import assert from "node:assert/strict";
import { createSampler } from "../../samplers/create_sampler.ts";
import { encodeImage } from "../../image/mod.ts";
import { readPictureRequest } from "./read_picture_request.ts";
import type { PictureRequest } from "./request.ts";

const pixel = { width: 1, height: 1, data: new Uint8Array(3) };

/** What a PNG file with these texts asks for. */
async function request(texts: Readonly<Record<string, string>>): Promise<PictureRequest> {
  const read = await readPictureRequest(await encodeImage(pixel, "png", { text: texts }));
  const { sampler, samplerOptions } = read.options;
  if (sampler !== undefined) createSampler(sampler, samplerOptions); // what is asked for can be made
  return read;
}

const parameters = (settings: string, prompt = "a red house\nNegative prompt: fog") =>
  request({ parameters: `${prompt}\n${settings}` });
const said = ({ remarks }: PictureRequest) => remarks.map(({ text }) => text).join("\n");

Deno.test("A1111: every setting is used or named", async () => {
  const full = await parameters(
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 1234, Face restoration: CodeFormer, " +
      "Size: 512x768, Model hash: 0011223344, Model: house_v1, VAE hash: 11, VAE: other.vae.pt, Variation seed: 5, " +
      "Variation seed strength: 0.1, Clip skip: 2, ENSD: 31337, RNG: NV, Tiling: True, Refiner: x, " +
      'TI hashes: "catword: aabb", NGMS: 2, Eta: 0.5, Some extension: on, Version: v1.10.1',
  );
  assert.deepEqual(full.options, {
    prompt: "a red house",
    negativePrompt: "fog",
    sampler: "dpmpp_2m",
    samplerOptions: { sigmas: "karras", spacing: "linspace" },
    steps: 20,
    guidance: 7.5,
    seed: 1234,
    width: 512,
    height: 768,
    clipSkip: 1,
    promptSyntax: "weighted",
    rng: "cuda",
  });
  for (
    const word of [
      "house_v1",
      "CodeFormer",
      "other.vae.pt",
      "Variation seed: 5",
      "ENSD",
      "Tiling",
      "Refiner",
      "catword",
      "NGMS",
      "eta of 0.5",
      "Some extension: on",
    ]
  ) {
    assert.match(said(full), new RegExp(word), word);
  }
  assert.doesNotMatch(said(full), /Version|Model hash/);
});

Deno.test("A1111: a strength is that of a second pass, of a start from a picture, or unclear", async () => {
  const begin =
    "Steps: 2, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, RNG: CPU, Denoising strength: 0.7";
  const hires = await parameters(`${begin}, Hires upscale: 2, Hires upscaler: Latent`);
  assert.equal(hires.options.strength, undefined);
  assert.match(said(hires), /second pass.*Hires upscale: 2, Hires upscaler: Latent/);
  const unclear = await parameters(begin);
  assert.equal(unclear.options.strength, 0.7);
  assert.ok(unclear.remarks.some(({ option, needed }) => option === "image" && needed !== true));
  const repainted = await parameters(`${begin}, Mask blur: 4, Init image hash: aa`);
  const needed = repainted.remarks.filter((remark) => remark.needed).map(({ option }) => option);
  assert.deepEqual(needed, ["image", "mask"]);
});

Deno.test("A1111: samplers and spacings of all ages", async () => {
  const options = async (sampler: string, spacing?: string) => {
    const type = spacing === undefined ? "" : `, Schedule type: ${spacing}`;
    const { options } = await parameters(
      `Steps: 4, Sampler: ${sampler}${type}, CFG scale: 7, Seed: 1, RNG: CPU`,
    );
    return [options.sampler, options.samplerOptions];
  };
  const exponential = { sigmas: "exponential", spacing: "linspace" };
  assert.deepEqual(await options("DPM++ 2M Karras"), ["dpmpp_2m", { sigmas: "karras", spacing: "linspace" }]);
  assert.deepEqual(await options("DPM++ 2M", "Automatic"), ["dpmpp_2m", {
    sigmas: "karras",
    spacing: "linspace",
  }]);
  assert.deepEqual(await options("DPM++ 2M SDE Heun", "Automatic"), [
    "dpmpp_2m_sde",
    { solverType: "heun", ...exponential },
  ]);
  assert.deepEqual(await options("DPM++ 2M SDE Exponential"), ["dpmpp_2m_sde", exponential]);
  assert.deepEqual(await options("Euler a", "Polyexponential"), ["euler_ancestral", exponential]);
  assert.deepEqual(await options("Euler", "Uniform"), ["euler", { spacing: "linspace" }]);
  assert.deepEqual(await options("Euler", "Simple"), ["euler", { timesteps: [999, 749, 499, 249] }]);
  assert.deepEqual(await options("Euler", "SGM Uniform"), ["euler", {
    timesteps: [999, 749.25, 499.5, 249.75],
  }]);
  assert.deepEqual(await options("Euler", "DDIM"), ["euler", { timesteps: [751, 501, 251, 1] }]);
  assert.deepEqual(await options("DDIM", "Karras"), ["ddim", undefined]); // it has timesteps of its own there
  const [, aligned] = await options("Heun", "Align Your Steps");
  const { sigmas } = aligned as { sigmas: number[] };
  assert.deepEqual([sigmas.length, sigmas.at(-1)], [5, 0]);
  assert.ok(Math.abs(sigmas[0]! - 14.615) < 1e-9 && Math.abs(sigmas[3]! - 0.029) < 1e-9);

  const other = await parameters(
    "Steps: 4, Sampler: Euler, Schedule type: KL Optimal, CFG scale: 7, Seed: 1",
  );
  assert.match(said(other), /spaced as "KL Optimal", which is not used/);
  const unknown = await parameters("Steps: 4, Sampler: DPM++ SDE Karras, CFG scale: 7, Seed: 1");
  assert.equal(unknown.options.sampler, undefined);
  assert.deepEqual(unknown.remarks.find(({ needed }) => needed), {
    option: "sampler",
    needed: true,
    text: 'it was made with the sampler "DPM++ SDE Karras", which is none of ours',
  });
});

Deno.test("A1111: text without settings is no prompt, nor is what stands behind them", async () => {
  await assert.rejects(request({ parameters: "a red house" }), /its text has no line of settings/);
  const behind = await parameters(
    "Steps: 4, Sampler: Euler, Seed: 1\nTemplate: a {red|blue} house, one: a, two: b",
  );
  assert.equal(behind.options.prompt, "a red house");
  assert.match(said(behind), /behind its settings stands "Template: a/);
  await assert.rejects(
    parameters("Steps: many, Sampler: Euler, Seed: 1"),
    /its Steps is "many", expected a number/,
  );
  await assert.rejects(
    parameters("Steps: 4, Sampler: Euler, Size: big"),
    /its Size is "big", expected a size as/,
  );
  const forge = await parameters("Steps: 4, Sampler: Euler, Seed: 1, Version: f2.0.1v1.10.1-previous-1");
  assert.equal(forge.writer, "Forge");
});

Deno.test("A1111: where it does not say its model, that is said", async () => {
  const begin = "Steps: 4, Sampler: Euler, Seed: 1";
  const needs = async (settings: string) =>
    (await parameters(settings)).remarks.filter(({ option }) => option === "model")
      .map(({ needed, text }) => [needed, text]);
  assert.deepEqual(await needs(begin), [[undefined, "it does not say with which model it was made"]]);
  assert.deepEqual(await needs(`${begin}, Model hash: 0011aabb`), [
    [true, 'it was made with the model whose hash is "0011aabb"'],
  ]);
});

Deno.test("A1111: the first pass' size of old pictures, modules of Forge, controls, seeds of 64 bits", async () => {
  const old = await parameters(
    "Steps: 4, Sampler: Euler, Seed: 1, Size: 1024x1024, Denoising strength: 0.7, First pass size: 512x768",
  );
  const { width, height, strength } = old.options;
  assert.deepEqual([width, height, strength], [512, 768, undefined]);
  assert.match(said(old), /second pass.*First pass size: 512x768/);
  const forge = await parameters(
    'Steps: 4, Sampler: Euler, Seed: 1, Module 1: vae-ft-mse, ControlNet 0: "Module: canny, Model: c, Weight: 1", ' +
      "Version: f2.0.1v1.10.1",
  );
  assert.deepEqual(
    forge.remarks.filter(({ option }) => option === "vae" || option === "control").map(({ text }) => text),
    [
      'parts of its model came from "Module 1: vae-ft-mse"',
      'it was steered by "ControlNet 0: Module: canny, Model: c, Weight: 1"',
    ],
  );
  const seed = "Steps: 4, Sampler: Euler, Seed: 18446744073709551615";
  const onCpu = await parameters(`${seed}, RNG: CPU`);
  assert.equal(onCpu.options.seed, 2 ** 32 - 1);
  assert.doesNotMatch(said(onCpu), /its seed/);
  assert.match(said(await parameters(seed)), /its seed 18446744073709551615 stands for 4294967295 on a CPU/);
  await assert.rejects(
    parameters("Steps: 4, Sampler: Euler, Seed: -1"),
    /its seed is "-1", expected a whole/,
  );
});

Deno.test("A1111's text by a node of ComfyUI has samplers of either and noise of the CPU", async () => {
  const read = async (sampler: string) =>
    (await parameters(`Steps: 4, Sampler: ${sampler}, CFG scale: 7, Seed: 1, Version: ComfyUI`)).options;
  const karras = { sigmas: "karras", spacing: "linspace" };
  const expected = { sampler: "dpmpp_2m", samplerOptions: karras, rng: "cpu" } as const;
  for (const name of ["DPM++ 2M Karras", "dpmpp_2m_karras", "dpmpp_2m karras"]) {
    const { sampler, samplerOptions, rng } = await read(name);
    assert.deepEqual({ sampler, samplerOptions, rng }, expected, name);
  }
  assert.equal((await read("euler_ancestral")).sampler, "euler_ancestral");
  // Our own names alone do not make a picture ours.
  const other = await parameters("Steps: 4, Sampler: dpmpp_2m, CFG scale: 7, Seed: 1");
  assert.equal(other.options.promptSyntax, "weighted");
});

Deno.test("JSON among the settings is one of them, whatever stands in it", async () => {
  const json = JSON.stringify({ prompt: { positive: "a house, Seed: 5, Steps: 9" }, list: ["}", "]"] });
  const begin = 'Steps: 4, Sampler: Euler, Hashes: {"model": "a, Size: 1x1"}';
  const { options, remarks } = await parameters(`${begin}, Extra: ${json}, Seed: 1, Size: 64x64`);
  assert.deepEqual([options.seed, options.steps, options.width], [1, 4, 64]);
  assert.ok(remarks.some(({ text }) => text.includes(JSON.stringify(`Extra: ${json}`).slice(1, -1))));
});

Deno.test("A1111: brackets are weights unless its setting says that they are not", async () => {
  const begin = "Steps: 4, Sampler: Euler, Seed: 1, Emphasis: ";
  assert.equal((await parameters(`${begin}None`)).options.promptSyntax, "plain");
  assert.equal((await parameters(`${begin}Original`)).options.promptSyntax, "weighted");
  assert.match(said(await parameters(`${begin}No norm`)), /applied as "No norm"/);
});

Deno.test("stable-diffusion.cpp: its names, its random numbers, its eta", async () => {
  const read = async (sampler: string, rest = "RNG: cuda") =>
    await parameters(
      `Steps: 4, CFG scale: 7.000000, Guidance: 3.500000, Eta: 0.000000, Seed: 42, Size: 64x64, Model: h.gguf, ${rest}, ` +
        `Sampler: ${sampler}, Version: stable-diffusion.cpp`,
    );
  const euler = await read("euler_a");
  assert.equal(euler.writer, "stable-diffusion.cpp");
  assert.deepEqual(euler.options, {
    prompt: "a red house",
    negativePrompt: "fog",
    sampler: "euler_ancestral",
    samplerOptions: { spacing: "linspace" },
    steps: 4,
    guidance: 7,
    seed: 42,
    width: 64,
    height: 64,
    promptSyntax: "weighted",
    rng: "cuda",
  });
  assert.deepEqual((await read("dpm++2m karras")).options.samplerOptions, {
    sigmas: "karras",
    spacing: "linspace",
  });
  assert.deepEqual((await read("ddim_trailing")).options.samplerOptions, { spacing: "trailing", eta: 0 });
  assert.equal((await read("heun", "RNG: cpu")).options.rng, "cpu");
  assert.match(
    said(await read("heun", "RNG: std_default, VAE: x.safetensors")),
    /the VAE "x[^]*"std_default"/,
  );
  assert.match(said(await read("res_2s")), /the sampler "res_2s", which is none of ours/);
});

Deno.test("stable-diffusion.cpp: what newer versions say, and where", async () => {
  const json = {
    schema: "sdcpp.image.params/v1",
    prompt: { positive: "a red house, Seed: 9" },
    models: { model: "h.gguf", control_net: "canny.safetensors", taesd: "taesd.safetensors" },
    cache: { mode: 1 },
  };
  const line =
    "Steps: 3, CFG scale: 7.000000, Guidance: 3.500000, Eta: inf, Seed: 42, Size: 64x64, Model: , RNG: cuda, " +
    "Sampler RNG: cpu, Sampler: euler_a, Custom Sigmas: [14.6146, 3.1000, 0.5000, 0.0000], Unet: u.gguf, VAE: v.gguf, " +
    "Clip skip: 2, Hires upscale: Latent, Hires scale: 2.000000, Hires resize: 0x0, Denoising strength: 0.700000, " +
    `Version: stable-diffusion.cpp, SDCPP: ${JSON.stringify(json)}`;
  const text = `a red house\n${line}`;
  const png = await request({ parameters: text });
  assert.deepEqual(png.options, {
    prompt: "a red house",
    sampler: "euler_ancestral",
    samplerOptions: { spacing: "linspace", sigmas: [14.6146, 3.1, 0.5, 0] },
    steps: 3,
    guidance: 7,
    seed: 42,
    width: 64,
    height: 64,
    clipSkip: 1,
    promptSyntax: "weighted",
    rng: "cuda",
  });
  assert.equal(png.model, "u.gguf");
  for (
    const word of [
      'VAE "v.gguf',
      'steps came from the random numbers of "cpu"',
      "second pass",
      "canny",
      "tiny VAE",
      "cache",
    ]
  ) {
    assert.ok(said(png).includes(word), word);
  }
  assert.doesNotMatch(said(png), /Denoising|Guidance/);
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const xmp = `<rdf:Description><sdcpp:parameters>${escaped}</sdcpp:parameters></rdf:Description>`;
  assert.deepEqual(await request({ "XML:com.adobe.xmp": xmp }), png);
  const own = await parameters(
    "Steps: 4, Sampler: dpm++2m, Custom Sigmas: [a, b], Version: stable-diffusion.cpp",
  );
  assert.match(said(own), /its noise levels "\[a, b\]" are not used/);
});

const graph = {
  "3": {
    class_type: "KSampler",
    inputs: {
      seed: 1,
      steps: 20,
      cfg: 8,
      sampler_name: "dpmpp_2m",
      scheduler: "karras",
      denoise: 1,
      model: ["4", 0],
      positive: ["6", 0],
      negative: ["7", 0],
      latent_image: ["5", 0],
    },
  },
  "4": { class_type: "CheckpointLoaderSimple", inputs: { ckpt_name: "house_v1.safetensors" } },
  "5": { class_type: "EmptyLatentImage", inputs: { width: 512, height: 768, batch_size: 1 } },
  "6": { class_type: "CLIPTextEncode", inputs: { text: "a [red] (house:1.2)", clip: ["4", 1] } },
  "7": { class_type: "CLIPTextEncode", inputs: { text: "fog", clip: ["4", 1] } },
  "8": { class_type: "VAEDecode", inputs: { samples: ["3", 0], vae: ["4", 2] } },
  "9": { class_type: "SaveImage", inputs: { filename_prefix: "x", images: ["8", 0] } },
};

Deno.test("ComfyUI: its plain graph is read, any other is refused by its nodes", async () => {
  // A seed of 64 bits, of which PyTorch's CPU generator uses the low half; and NaN, which it writes.
  const text = JSON.stringify(graph).replace('"seed":1', '"seed":18446744073709551615').replace('"x"', "NaN");
  const { writer, options, model, remarks } = await request({ prompt: text, workflow: "{}" });
  assert.deepEqual([writer, model], ["ComfyUI", "house_v1.safetensors"]);
  assert.deepEqual(options, {
    prompt: "a \\[red\\] (house:1.2)",
    negativePrompt: "fog",
    promptSyntax: "weighted",
    sampler: "dpmpp_2m",
    samplerOptions: { sigmas: "karras", spacing: "linspace" },
    steps: 20,
    guidance: 8,
    seed: 2 ** 32 - 1,
    width: 512,
    height: 768,
    rng: "cpu",
  });
  assert.ok(remarks.some(({ option }) => option === "promptSyntax"));
  // Words that are commands elsewhere are words there, but for embeddings.
  const words = structuredClone(graph);
  words["6"].inputs.text = "(a) AND b, BREAK, embedding:style";
  words["5"].inputs.batch_size = 4;
  const named = await request({ prompt: JSON.stringify(words) });
  assert.equal(named.options.prompt, "(a) and b, break, embedding:style");
  assert.match(
    said(named),
    /one of 4 of a batch[^]*"embedding:style" is taken as text|"embedding:style"[^]*one of 4/,
  );
  const more = JSON.stringify(graph).replace('"denoise":1', '"denoise":1,"extra":"x"');
  assert.match(said(await request({ prompt: more })), /not used: "extra: x"/);
  const lora = { ...graph, "10": { class_type: "LoraLoader", inputs: {} } };
  await assert.rejects(request({ prompt: JSON.stringify(lora) }), /its graph has the nodes "LoraLoader"/);
  const lost = { ...graph, "6": { class_type: "CLIPTextEncode", inputs: { text: ["99", 0] } } };
  await assert.rejects(request({ prompt: JSON.stringify(lost) }), /comes from another node/);
  await assert.rejects(request({ workflow: '{"last_node_id": 1}' }), /ComfyUI's workflow alone/);
  await assert.rejects(request({ prompt: '{"1": {"class_type": ' }), /ComfyUI's graph is not JSON/);
});

Deno.test("InvokeAI, SwarmUI and Draw Things: plain pictures are read", async () => {
  const invoke = await request({
    invokeai_metadata: JSON.stringify({
      generation_mode: "txt2img",
      positive_prompt: "a red++ house",
      negative_prompt: "",
      width: 512,
      height: 512,
      seed: 7,
      rand_device: "cpu",
      cfg_scale: 7.5,
      cfg_rescale_multiplier: 0,
      steps: 30,
      scheduler: "dpmpp_2m_k",
      model: { key: "k", hash: "h", name: "house", base: "sd-1", type: "main" },
      loras: [{ weight: 0.5 }],
      controlnets: [],
    }),
  });
  assert.equal(invoke.model, "house");
  assert.deepEqual(invoke.options, {
    prompt: "a red++ house",
    sampler: "dpmpp_2m",
    samplerOptions: { sigmas: "karras" },
    steps: 30,
    guidance: 7.5,
    seed: 7,
    width: 512,
    height: 512,
    rng: "cpu",
  });
  assert.match(said(invoke), /InvokeAI's weights of words[^]*not used: .*loras/);
  await assert.rejects(
    request({ invokeai_metadata: '{"generation_mode":"img2img"}' }),
    /InvokeAI made it as "img2img"/,
  );
  await assert.rejects(request({ "sd-metadata": "{}" }), /of an old InvokeAI/);

  const params = {
    prompt: "a red house",
    model: "house",
    seed: 3,
    steps: 4,
    cfgscale: 7,
    width: 64,
    height: 64,
  };
  const swarm = await request({
    parameters: JSON.stringify({
      sui_image_params: {
        ...params,
        sampler: "euler_ancestral",
        scheduler: "simple",
        swarm_version: "1",
        refiner: "x",
      },
    }),
  });
  assert.deepEqual(swarm.options, {
    prompt: "a red house",
    promptSyntax: "plain",
    sampler: "euler_ancestral",
    samplerOptions: { timesteps: [999, 749, 499, 249] },
    steps: 4,
    guidance: 7,
    seed: 3,
    width: 64,
    height: 64,
    rng: "cpu",
  });
  assert.match(said(swarm), /not used: "refiner: x"/);

  const comment = JSON.stringify({
    c: 'a "red" house',
    uc: "",
    sampler: "DPM++ 2M Karras",
    steps: 20,
    scale: 7,
    seed: 5,
    size: "512x512",
    model: "house.ckpt",
    strength: 1,
    v2: {},
  }).replaceAll('"', "&quot;");
  const draw = await request({
    "XML:com.adobe.xmp": `<x><xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment><rdf:Alt>` +
      `<rdf:li xml:lang="x-default">${comment}</rdf:li></rdf:Alt></exif:UserComment></x>`,
  });
  assert.equal(draw.writer, "Draw Things");
  assert.deepEqual([draw.options.prompt, draw.options.sampler, draw.options.seed], [
    'a "red" house',
    "dpmpp_2m",
    5,
  ]);
  assert.match(said(draw), /several sources of random numbers/);
});

Deno.test("what cannot be made again is refused by name", async () => {
  await assert.rejects(request({ Software: "NovelAI", Comment: "{}" }), /made by NovelAI/);
  await assert.rejects(
    request({ parameters: '{"Description":"a","Software": "NovelAI"}' }),
    /made by NovelAI/,
  );
  await assert.rejects(
    request({ parameters: "{}" }),
    /it has the texts "parameters" alone, expected the text/,
  );
  await assert.rejects(request({ fooocus_scheme: "fooocus", parameters: "{}" }), /made by Fooocus/);
  await assert.rejects(
    request({ parameters: "a\nSteps: 30, Sampler: x, Seed: 1, Version: Fooocus v2.5.5" }),
    /made by Fooocus/,
  );
  await assert.rejects(request({}), /it has no text, expected the text of a program that is known/);
  await assert.rejects(request({ Title: "a house" }), /it has the texts "Title" alone/);
});

Deno.test("texts that were changed give one clear error or a request", async () => {
  const texts: readonly Readonly<Record<string, string>>[] = [
    {
      parameters:
        "a\nNegative prompt: b\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Eta: 1",
    },
    { parameters: "a\nSteps: 4, Eta: 0, Sampler: euler karras, RNG: cuda, Version: stable-diffusion.cpp" },
    { prompt: JSON.stringify(graph) },
    {
      invokeai_metadata:
        '{"generation_mode":"txt2img","steps":3,"seed":2,"model":{"name":"x"},"scheduler":"euler_k"}',
    },
    { parameters: '{"sui_image_params":{"prompt":"a","seed":1,"steps":3,"sampler":"euler","width":64}}' },
  ];
  let state = 1;
  const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
  const count = Deno.env.get("LONG") === "1" ? 10_000 : 500;
  for (let i = 0; i < count; i++) {
    const [[key, text]] = Object.entries(texts[below(texts.length)]!) as [[string, string]];
    const characters = [...text];
    for (let change = 0; change <= below(4); change++) {
      const at = below(characters.length);
      const kind = below(3);
      if (kind === 0) characters.splice(at, 1 + below(5));
      else if (kind === 1) characters.splice(at, 0, String.fromCharCode(1 + below(0x2100)));
      else characters[at] = characters[below(characters.length)] ?? "";
    }
    await request({ [key]: characters.join("") }).catch((error: Error) => {
      assert.ok(
        error instanceof TypeError || error instanceof RangeError,
        `${error.stack}\n${characters.join("")}`,
      );
      assert.doesNotMatch(
        error.message,
        /undefined is not|Cannot read prop|is not a function/,
        characters.join(""),
      );
    });
  }
});
