/**
 * The parts in Apple's layouts, each against the same arithmetic in TypeScript.
 */
import assert from "node:assert/strict";
import type { Control, ControlOptions, Unet } from "../../core/parts.ts";
import type { Model } from "../../core/model.ts";
import { type Tensor, tensor } from "../../core/tensor.ts";
import { torchNoise } from "../../core/torch_noise.ts";
import { isAppleFolder, openApple } from "../../parts/apple.ts";
import { localFolder, memoryFolder } from "../../parts/model_folder.ts";
import { chunkedUnet, half, unet, vaeDecoder, vaeEncoder } from "./_arithmetic.ts";
import { hiddenOf, residualsOf, tokenizerFiles } from "./_reference.ts";
import { coremlTest, type ModelName, type ModelSpec, type Rig, specOf, standInTest } from "./_rig.ts";

const basic = {
  TextEncoder: "TextEncoder",
  Unet: "Unet",
  VAEDecoder: "VAEDecoder",
  VAEEncoder: "VAEEncoder",
} as const;
const withControl = { ...basic, ControlledUnet: "ControlledUnet", "controlnet/Edges": "ControlNet" } as const;

/** A model of the rig, open for as long as the body runs. */
async function withModel(
  rig: Rig,
  models: Readonly<Record<string, ModelName | ModelSpec>>,
  body: (model: Model) => Promise<void>,
): Promise<void> {
  await using folder = await rig.folder(models);
  const opened = await localFolder(folder.path);
  const model = await openApple(opened, { backend: rig.backend(), tokenizer: tokenizerFiles });
  try {
    await body(model);
  } finally {
    await model.textEncoder.release();
    await model.vae.release();
    for (const { part } of model.unets.values()) await part.release();
  }
}

/** Equal to the last bit on the stand-in, within the rig's tolerance on Apple's framework. */
function close(actual: Tensor, expected: Tensor, { tolerance }: Rig): void {
  assert.deepEqual(actual.shape, expected.shape);
  if (tolerance === 0) return assert.deepEqual(actual.data, expected.data);
  const worst = actual.data.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - expected.data[i]!)),
    0,
  );
  assert(worst <= tolerance, `differs by ${worst}`);
}

const latents = (rows: number) => torchNoise(7).normal([rows, 4, 8, 8]);
const prompts = ["a red house", "", "two boats", "one"];
const unetOf = (model: Model): Promise<Unet> => model.unets.get("base")!.part.get();
const picture = tensor(Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 255 / 255), [1, 3, 64, 64]);

coremlTest(
  "parts: the model's numbers are read from its networks",
  (rig) =>
    withModel(rig, basic, (model) => {
      const { config } = model.unets.get("base")!;
      assert.deepEqual(config, { inChannels: 4, outChannels: 4, sampleSize: 8, crossAttentionDim: 16 });
      assert.equal(model.size, 64);
      assert.equal(model.backend, "coreml");
      assert.equal(model.openControl, undefined);
      return Promise.resolve();
    }),
);

coremlTest(
  "parts: the text encoder takes prompts one by one",
  (rig) =>
    withModel(rig, basic, async (model) => {
      const encoder = await model.textEncoder.get();
      const { hidden } = await encoder.encode(prompts);
      close(hidden, hiddenOf(...prompts), rig);
      await assert.rejects(encoder.encode(["a"], { clipSkip: 1 }), {
        name: "UnsupportedModelError",
        message: /skip 1 layers/,
      });
      const long = await encoder.encode(["(a:1.1) b ".repeat(60)], { syntax: "weighted" });
      assert.deepEqual(long.hidden.shape, [1, 154, 16]);
    }),
);

for (
  const [name, models, network] of [
    ["batch two", basic, unet],
    ["batch one", { ...basic, Unet: "UnetBatchOne" }, unet],
    ["two chunks", { ...basic, UnetChunk1: "UnetChunk1", UnetChunk2: "UnetChunk2" }, chunkedUnet],
  ] as const
) {
  coremlTest(
    `parts: a UNet of ${name} predicts any number of rows`,
    (rig) =>
      withModel(rig, models, async (model) => {
        const denoiser = await unetOf(model);
        for (const rows of [1, 2, 3, 4]) {
          const hidden = hiddenOf(...prompts.slice(0, rows));
          await using predictor = await denoiser.prepare({ hidden });
          const noise = await predictor.predict(latents(rows), 981);
          close(noise, network(half(latents(rows)), 981, half(hidden)), rig);
        }
      }),
  );
}

standInTest(
  "parts: padded rows change nothing",
  (rig) =>
    withModel(rig, {
      ...basic,
      UnetChunk1: { ...specOf("UnetChunk1"), padded: true },
      UnetChunk2: { ...specOf("UnetChunk2"), padded: true },
    }, async (model) => {
      const hidden = hiddenOf("a", "b");
      await using predictor = await (await unetOf(model)).prepare({ hidden });
      close(await predictor.predict(latents(2), 21), chunkedUnet(half(latents(2)), 21, half(hidden)), rig);
    }),
);

coremlTest(
  "parts: the UNet for controls takes its place when a control is first used",
  (rig) =>
    withModel(rig, withControl, async (model) => {
      const hidden = hiddenOf("a", "b");
      await using predictor = await (await unetOf(model)).prepare({ hidden });
      const plain = unet(half(latents(2)), 500, half(hidden));
      close(await predictor.predict(latents(2), 500), plain, rig);
      const residuals = residualsOf(latents(2), 500, picture);
      const steered = unet(half(latents(2)), 500, half(hidden), Object.values(residuals).map(half));
      close(await predictor.predict(latents(2), 500, residuals), steered, rig);
      close(await predictor.predict(latents(2), 500), plain, rig);
      const mid = { data: residuals["mid"]!.data.slice(0, 16), shape: [1, 16, 1, 1] };
      const alone = unet(half(latents(2)), 500, half(hidden), [
        half({ data: new Float32Array([...mid.data, ...mid.data]), shape: [2, 16, 1, 1] }),
      ]);
      close(await predictor.predict(latents(2), 500, { mid }), alone, rig);
      await assert.rejects(predictor.predict(latents(2), 500, { "down.0": mid }), {
        name: "UnsupportedModelError",
        message: /residuals to the UNet at down\.0: it was compiled with inputs for skip\.0, .*, mid/,
      });
    }),
);

coremlTest(
  "parts: without a ControlledUnet residuals are refused",
  (rig) =>
    withModel(rig, basic, async (model) => {
      await using predictor = await (await unetOf(model)).prepare({ hidden: hiddenOf("a", "b") });
      await assert.rejects(predictor.predict(latents(2), 1, residualsOf(latents(2), 1, picture)), {
        name: "TypeError",
        message: /it has no ControlledUnet/,
      });
    }),
);

coremlTest(
  "parts: sizes that the model was not compiled for are refused",
  (rig) =>
    withModel(rig, basic, async (model) => {
      const denoiser = await unetOf(model);
      await using predictor = await denoiser.prepare({ hidden: hiddenOf("a", "b") });
      await assert.rejects(predictor.predict(tensor(new Float32Array(2 * 4 * 8 * 16), [2, 4, 8, 16]), 1), {
        name: "RangeError",
        message: "Cannot run the UNet for a picture of 128 × 64 pixels: it was compiled for 64 × 64. " +
          "Ask for that size, or convert the model for the other.",
      });
      await assert.rejects(predictor.predict(latents(1), 1), {
        name: "RangeError",
        message: /1 latents.*prepared for 2 rows/,
      });
      await assert.rejects(denoiser.prepare({ hidden: tensor(new Float32Array(77 * 8), [1, 77, 8]) }), {
        name: "RangeError",
        message: /77 tokens of 8 numbers.*compiled for 77 of 16/,
      });
      await assert.rejects(
        denoiser.prepare({ hidden: hiddenOf("a"), mask: tensor(new Float32Array(77), [1, 77]) }),
        {
          name: "UnsupportedModelError",
          message: /masks tokens/,
        },
      );
      const vae = await model.vae.get();
      await assert.rejects(vae.decode(tensor(new Float32Array(4 * 64 * 64), [1, 4, 64, 64])), {
        name: "RangeError",
        message: /the VAEDecoder for a picture of 512 × 512 pixels: it was compiled for 64 × 64/,
      });
      await assert.rejects(vae.encode(tensor(new Float32Array(3 * 32 * 32), [1, 3, 32, 32])), {
        name: "RangeError",
        message: /the VAEEncoder for a picture of 32 × 32 pixels/,
      });
    }),
);

coremlTest(
  "parts: the VAE decodes any number of rows, and encodes to mode or sample",
  (rig) =>
    withModel(rig, basic, async (model) => {
      const vae = await model.vae.get();
      assert.deepEqual([vae.latentChannels, vae.scale], [4, 8]);
      const z = latents(1);
      const expected = vaeDecoder(half({ data: z.data.map((value) => value / 0.18215), shape: z.shape }));
      close(await vae.decode(z), expected, { ...rig, tolerance: rig.tolerance * 10 });
      assert.deepEqual((await vae.decode(latents(3))).shape, [3, 3, 64, 64]);

      const moments = vaeEncoder(half(picture)).data;
      const mode = tensor(moments.slice(0, 256).map((value) => value * 0.18215), [1, 4, 8, 8]);
      close(await vae.encode(picture), mode, rig);
      const sampled = await vae.encode(picture, { noise: torchNoise(3), samples: 2 });
      const noise = torchNoise(3).normal([2, 4, 8, 8]).data;
      const drawn = Float32Array.from(
        noise,
        (value, i) => moments[i % 256]! + Math.exp(moments[256 + i % 256]! / 2) * value,
      );
      close(sampled, tensor(drawn.map((value) => value * 0.18215), [2, 4, 8, 8]), rig);
    }),
);

coremlTest("parts: without a VAEEncoder pictures cannot be encoded", (rig) => {
  const { VAEEncoder: _, ...models } = basic;
  return withModel(rig, models, async (model) => {
    await assert.rejects((await model.vae.get()).encode(picture), {
      name: "UnsupportedModelError",
      message: /no VAE encoder/,
    });
  });
});

coremlTest(
  "parts: a ControlNet's residuals stay on the backend, or are scaled and added",
  (rig) =>
    withModel(rig, withControl, async (model) => {
      const part = model.openControl!("Edges");
      assert.equal(model.openControl!("Edges"), part);
      const control = await part.get();
      const step = { latent: latents(2), timestep: 500, index: 0, steps: 4 };
      const own = residualsOf(step.latent, 500, picture);
      const conditioning = { hidden: hiddenOf("", "a") };
      const ask = async (options: ControlOptions, base?: Record<string, Tensor>) => {
        await using prepared = await control.prepare(picture, conditioning, options);
        const residuals = await prepared.residuals(step, base) ?? {};
        const entries = Object.entries(residuals).map(async ([place, residual]) => {
          return [place, "data" in residual ? residual : await residual.read()] as const;
        });
        const onDevice = Object.values(residuals).filter((residual) => !("data" in residual)).length;
        return { onDevice, residuals: Object.fromEntries(await Promise.all(entries)) };
      };
      const map = (factor: (row: number, depth: number) => number, base: number = 0) =>
        Object.fromEntries(
          Object.entries(own).map(([place, { data, shape }], i) => {
            const row = data.length / 2;
            return [place, {
              data: data.map((value, at) => value * factor(Math.floor(at / row), i / 12) + base),
              shape,
            }];
          }),
        );
      const check = (
        actual: Readonly<Record<string, Tensor>>,
        expected: Readonly<Record<string, Tensor>>,
      ) => {
        assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
        for (const [place, residual] of Object.entries(expected)) close(actual[place]!, residual, rig);
      };

      const plain = await ask({});
      assert.equal(plain.onDevice, 13);
      check(plain.residuals, own);
      const weak = await ask({ scale: 0.5 });
      assert.equal(weak.onDevice, 0);
      check(weak.residuals, map(() => 0.5));
      const guess = await ask({ guessMode: true, unconditionalRows: 1 });
      check(guess.residuals, map((row, depth) => row === 0 ? 0 : 10 ** (depth - 1)));
      const ones = Object.fromEntries(
        Object.entries(own).map(([place, { shape }]) => {
          return [place, {
            data: new Float32Array(shape.slice(1).reduce((a, b) => a * b, 1)).fill(1),
            shape: [1, ...shape.slice(1)],
          }];
        }),
      );
      check((await ask({}, ones)).residuals, map(() => 1, 1));
      const outside = await ask({ window: [0.5, 1] }, ones);
      check(outside.residuals, ones);
      await assert.rejects(control.prepare(tensor(new Float32Array(3 * 30), [1, 3, 5, 6]), conditioning), {
        name: "RangeError",
      });
      await part.release();
    }),
);

coremlTest(
  "parts: a control keeps its residuals for one step, and no longer",
  (rig) =>
    withModel(rig, withControl, async (model) => {
      const part = model.openControl!("Edges");
      const prepared = await (await part.get() as Control).prepare(picture, { hidden: hiddenOf("", "a") });
      const step = { latent: latents(2), timestep: 500, index: 0, steps: 4 };
      const first = (await prepared.residuals(step))!["mid"]!;
      const second = (await prepared.residuals({ ...step, index: 1 }))!["mid"]!;
      assert(!("data" in first) && !("data" in second));
      await assert.rejects(first.read(), /has been disposed/);
      await second.read();
      await prepared[Symbol.asyncDispose]();
      await assert.rejects(second.read(), /has been disposed/);
      await part.release();
    }),
);

coremlTest("parts: a folder of packages is found by the converter's names", async (rig) => {
  const prefix = "Stable_Diffusion_version_owner_model";
  await withModel(rig, {
    [`${prefix}_text_encoder.mlpackage`]: "TextEncoder",
    [`${prefix}_control-unet.mlpackage`]: "ControlledUnet",
    [`${prefix}_vae_decoder.mlpackage`]: "VAEDecoder",
    "ControlNet_Edges.mlpackage": "ControlNet",
  }, async (model) => {
    await using predictor = await (await unetOf(model)).prepare({ hidden: hiddenOf("a") });
    assert.deepEqual((await predictor.predict(latents(1), 1)).shape, [1, 4, 8, 8]);
    assert.throws(() => model.openControl!("Depth"), {
      name: "TypeError",
      message: /"Depth".*expected one of Edges/,
    });
    await model.openControl!("Edges").release();
  });
});

coremlTest("parts: the folder's own tokenizer is used", async (rig) => {
  await using folder = await rig.folder(basic);
  for (const [name, text] of Object.entries(tokenizerFiles)) {
    await Deno.writeTextFile(`${folder.path}/${name}`, text);
  }
  const opened = await localFolder(folder.path);
  assert.equal(isAppleFolder(opened), true);
  const model = await openApple(opened, { backend: rig.backend() });
  const { hidden } = await (await model.textEncoder.get()).encode(["house"]);
  close(hidden, hiddenOf("house"), rig);
  await model.textEncoder.release();
  await model.unets.get("base")!.part.release();
});

standInTest("parts: models of another family, and parts that are missing, are errors", async (rig) => {
  const open = async (models: Readonly<Record<string, ModelName | ModelSpec>>) => {
    const before = rig.live().coreml;
    await withModel(rig, models, () => Promise.resolve()).catch((error) => {
      assert.equal(rig.live().coreml, before, "what was loaded is freed");
      throw error;
    });
  };
  const { Unet: _, ...headless } = basic;
  await assert.rejects(open(headless), {
    name: "TypeError",
    message: /has no Unet, expected Unet\.mlmodelc or …_unet\.mlpackage/,
  });
  const { inputs } = specOf("Unet");
  const xl = { ...specOf("Unet"), inputs: { ...inputs, time_ids: { shape: [2, 6], dtype: "float16" } } };
  await assert.rejects(open({ ...basic, Unet: xl }), {
    name: "UnsupportedModelError",
    message: /as the UNet: it takes .*time_ids \[2,6\].*expected sample/,
  });
  const chunk2 = { ...specOf("UnetChunk2"), unloadable: "No." };
  await assert.rejects(open({ ...basic, UnetChunk1: "UnetChunk1", UnetChunk2: chunk2 }), {
    name: "UnsupportedModelError",
    message: /No \(/,
  });
});

coremlTest("parts: what compiled networks cannot do is refused", async (rig) => {
  await using folder = await rig.folder(basic);
  const opened = await localFolder(folder.path);
  const options = { backend: rig.backend(), tokenizer: tokenizerFiles };
  await assert.rejects(openApple(opened, { ...options, adapter: {} }), {
    name: "UnsupportedModelError",
    message: /with a LoRA/,
  });
  const memory = memoryFolder("mine", { "Unet.mlmodelc/coremldata.bin": new Uint8Array() });
  await assert.rejects(openApple(memory, options), { name: "TypeError", message: /in memory/ });
});
