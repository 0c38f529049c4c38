/** What a pipeline of real parts survives: a device lost in the middle, bad files, a signal at any time. */
import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { BackendUnavailableError } from "../core/errors.ts";
import { encodeImage } from "../image/mod.ts";
import { localFolder, type ModelFolder } from "../weights/model_folder.ts";
import { createPipeline } from "../presets/create_pipeline.ts";

const reference = new URL("./reference/", import.meta.url).pathname;
const model = `${reference}pipelines/sd15-tiny`;
const options = { prompt: "a lake", seed: 1, steps: 4, width: 64, height: 64 };

/** A backend that loses its device in one run, and counts what it loads. */
function losing(backend: Backend, program: RegExp, run: number): Backend & { readonly loads: string[] } {
  const loads: string[] = [];
  let left = run;
  return {
    name: backend.name,
    loads,
    async load(source, options) {
      const name = source.kind === "graph" ? source.graph.name : source.kind;
      loads.push(name);
      const runner = await backend.load(source, options);
      return {
        ...runner,
        inputs: runner.inputs,
        outputs: runner.outputs,
        run(inputs, options) {
          if (program.test(name) && left-- === 0) throw new BackendUnavailableError("The device is lost.");
          return runner.run(inputs, options);
        },
        [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
      };
    },
  };
}

for (const [program, run] of [[/text/, 0], [/unet/, 2], [/decoder/, 0]] as const) {
  Deno.test(`a device lost in run ${run + 1} of ${program.source}: the call fails, the next one is right`, async () => {
    await using sound = await createPipeline({ model, backend: native() });
    const { latents: expected } = await sound.generate(options);
    const backend = losing(native(), program, run);
    await using pipeline = await createPipeline({ model, backend });
    await assert.rejects(pipeline.generate(options), BackendUnavailableError);
    assert.deepEqual((await pipeline.generate(options)).latents, expected);
    assert.equal(backend.loads.filter((name) => name === backend.loads[0]).length, 2);
  });
}

for (const backend of [native(), wasm()]) {
  Deno.test(`${backend.name}: a signal at any time stops the call soon, and the next picture is right`, async () => {
    await using pipeline = await createPipeline({ model, backend });
    const { latents: expected } = await pipeline.generate(options);
    await pipeline.release(); // so that the first ones are stopped while parts load
    for (const milliseconds of [0, 5, 20, 60, 150]) {
      const signal = AbortSignal.timeout(milliseconds);
      await pipeline.generate({ ...options, signal }).catch(({ name }) => assert.equal(name, "TimeoutError"));
    }
    assert.deepEqual((await pipeline.generate(options)).latents, expected);
  });
}

Deno.test("bad files are one clear error each, and the pipeline goes on", async () => {
  await using pipeline = await createPipeline({ model, backend: native() });
  const grey = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(128) };
  const jpeg = await encodeImage(grey, "jpeg");
  const before = await pipeline.generate({ ...options, image: jpeg });
  await assert.rejects(
    pipeline.generate({ ...options, image: jpeg.slice(0, 300) }),
    /Cannot decode the JPEG file/,
  );
  await assert.rejects(
    pipeline.generate({ ...options, image: grey, mask: new Uint8Array(9) }),
    /expected a PNG, JPEG/,
  );
  await assert.rejects(pipeline.generate({ ...options, image: new Blob([]) }), /there are no bytes/);
  assert.deepEqual((await pipeline.generate({ ...options, image: jpeg })).latents, before.latents);
});

Deno.test("a file is cut to the size that was asked for, else to the model's size in its own proportions", async () => {
  await using pipeline = await createPipeline({ model, backend: native() });
  const wide = await encodeImage({ width: 300, height: 100, data: new Uint8Array(90_000) }, "png");
  const sizes: (readonly [number, number])[] = [];
  for (const size of [{ width: 64, height: 64 }, { width: 96 }, { height: 40 }, {}]) {
    const { images: [picture] } = await pipeline.generate({ prompt: "", steps: 2, image: wide, ...size });
    sizes.push([picture!.width, picture!.height]);
  }
  assert.deepEqual(sizes, [[64, 64], [96, 32], [120, 40], [224, 72]]);
});

/** The folder with the tiny autoencoder beside its VAE. */
async function withTiny(): Promise<ModelFolder> {
  const [base, tiny] = [await localFolder(model), await localFolder(`${reference}models/taesd`)];
  const own = (path: string) => path.match(/^vae_tiny\/(.+)$/)?.[1];
  return {
    ...base,
    files: new Set([...base.files, ...[...tiny.files].map((file) => `vae_tiny/${file}`)]),
    read: (path) => own(path) === undefined ? base.read(path) : tiny.read(own(path)!),
    weights: (name, options) =>
      name === "vae_tiny" ? tiny.weights(".", options) : base.weights(name, options),
  };
}

Deno.test("steps are decoded by the tiny autoencoder beside the VAE, in memory mode `phase` too", async () => {
  for (const keep of ["all", "phase"] as const) {
    const backend = losing(native(), /none/, 0);
    await using pipeline = await createPipeline({ model: await withTiny(), backend, keep });
    await using plain = await createPipeline({ model, backend: native() });
    for await (const step of pipeline.stream({ ...options, steps: 2 })) {
      const [picture] = await step.decode();
      assert.deepEqual([picture!.width, picture!.height], [64, 64]);
    }
    const { images } = await pipeline.generate(options);
    assert.deepEqual(images[0]!.data, (await plain.generate(options)).images[0]!.data);
  }
});
