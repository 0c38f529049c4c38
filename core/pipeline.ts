/**
 * Text to picture: encode the prompt, denoise, decode.
 *
 * @module
 */
import { GuidedDenoiser } from "./_guided_denoiser.ts";
import { asPixels, runNoise, startRun } from "./_start.ts";
import { type GenerateOptions, planRun, type Run } from "./generate_options.ts";
import type {
  GeneratedImage,
  Generation,
  GenerationParameters,
  GenerationStep,
  ImageEncoder,
} from "./generation.ts";
import { type Image, toImages } from "./image.ts";
import { previewImages } from "./preview.ts";
import type { LazyPart } from "./lazy_part.ts";
import type { Model } from "./model.ts";
import type { Conditioning } from "./parts.ts";
import { Queue } from "./queue.ts";
import { firstStep } from "./schedule.ts";
import type { SamplerStep } from "./sampler.ts";
import type { Latent, Tensor } from "./tensor.ts";
import { sliceRows } from "./tensor.ts";

/** Options of {@linkcode Pipeline}. */
export interface PipelineOptions {
  /** Writes picture files; without it `encode` of a picture throws. */
  readonly encodeImage?: ImageEncoder;
  /**
   * Which parts stay loaded: all, or only the one that the current phase needs (encode, denoise, decode).
   * @default {"all"}
   */
  readonly keep?: "all" | "phase";
}

/** A model with everything that turns a prompt into a picture. Calls made at the same time wait for each other. */
export class Pipeline implements AsyncDisposable {
  /** The model that it runs. */
  readonly model: Model;
  readonly #options: PipelineOptions;
  readonly #queue = new Queue();

  /** Puts a pipeline together; parts are loaded when they are first needed. */
  constructor(model: Model, options: PipelineOptions = {}) {
    this.model = model;
    this.#options = options;
  }

  /**
   * Makes pictures.
   *
   * @throws {RangeError} If an option is out of range.
   * @throws {TypeError} If options contradict each other or do not fit the model.
   * @throws {DOMException} "AbortError" or "TimeoutError" when the signal fires.
   */
  async generate(options: GenerateOptions): Promise<Generation> {
    const steps = this.stream(options);
    while (true) {
      const { done, value } = await steps.next();
      if (done) return value;
    }
  }

  /**
   * Makes pictures, yielding after every step; the return value is the finished run. Breaking out of the loop
   * stops the run.
   */
  async *stream(options: GenerateOptions): AsyncGenerator<GenerationStep, Generation, void> {
    const run = planRun(options, this.model);
    const { signal } = options;
    signal?.throwIfAborted();
    using _turn = await this.#queue.turn(signal);
    const clock = new Clock();
    const unet = this.model.unets.get(run.kind)!;
    const guided = run.guidance > 1 && unet.config.timeCondProjDim === undefined;
    const { conditional, unconditional } = await this.#encode(run, guided, options, clock);
    const noise = runNoise(run);
    const vae = () => clock.load(this.model.vae.get(signal));
    const { start, concat, blend } = await clock.spend(
      "encode",
      startRun(options, run, { noise, model: this.model, inChannels: unet.config.inChannels, vae }),
    );
    if (options.image !== undefined) await this.#leave(this.model.vae);
    let latents: Latent = start.noise;
    {
      await using denoiser = await GuidedDenoiser.prepare({
        unet: await clock.load(unet.part.get(signal)),
        conditional,
        run,
        schedule: this.model.schedule,
        controls: (options.control ?? []).map(({ control, image }) => ({
          control,
          pixels: controlPixels(image),
        })),
        ...unconditional !== undefined && { unconditional },
        ...concat !== undefined && { concat },
        ...signal !== undefined && { signal },
      });
      denoiser.progress.steps = run.steps - firstStep(run.steps, start.strength);
      const steps = run.sampler.sample(denoiser.denoise, start, {
        schedule: this.model.schedule,
        noise,
        steps: run.steps,
        ...signal !== undefined && { signal },
      });
      try {
        let replaced: Latent | undefined;
        while (true) {
          const { done, value } = await clock.spend("denoise", steps.next(replaced));
          if (done) break;
          replaced = blend?.(value);
          latents = replaced ?? value.latent;
          denoiser.progress = { index: value.index + 1, steps: value.steps };
          const step = this.#step({ ...value, latent: latents });
          options.onStep?.(step);
          yield step;
        }
      } finally {
        await steps.return();
      }
    }
    signal?.throwIfAborted();
    await this.#leave(unet.part);
    const loaded = await vae();
    const pixels = await clock.spend("decode", decodeRows((row) => loaded.decode(row), latents));
    await this.#leave(this.model.vae);
    signal?.throwIfAborted();
    return {
      images: pixels.map((image, row) => this.#image(image, this.#parameters(run, row, options))),
      latents,
      milliseconds: clock.times(),
    };
  }

  /** Drops all parts; the next call loads them again. */
  async release(): Promise<void> {
    await this.#queue.run(async () => {
      for (const part of this.#parts()) await part.release();
    });
  }

  /** Waits for the current run and frees everything. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Both kinds of prompts in one call, so that chunked ones come out equally long. */
  async #encode(run: Run, guided: boolean, options: GenerateOptions, clock: Clock) {
    const { clipSkip, promptSyntax, onWarning, signal } = options;
    const encoder = await clock.load(this.model.textEncoder.get(signal));
    const prompts = guided ? [...run.prompts, ...run.negativePrompts] : run.prompts;
    const { hidden, mask } = await clock.spend(
      "encode",
      encoder.encode(prompts, {
        ...clipSkip !== undefined && { clipSkip },
        ...promptSyntax !== undefined && { syntax: promptSyntax },
        ...onWarning !== undefined && { onWarning },
      }),
    );
    await this.#leave(this.model.textEncoder);
    const rows = (start: number, end: number): Conditioning => ({
      hidden: sliceRows(hidden, start, end),
      ...mask !== undefined && { mask: sliceRows(mask, start, end) },
    });
    const count = run.prompts.length;
    return { conditional: rows(0, count), unconditional: guided ? rows(count, 2 * count) : undefined };
  }

  #step(step: SamplerStep): GenerationStep {
    return {
      ...step,
      preview: () => previewImages(step.x0, this.model.latentToRgb),
      decode: async () => {
        const vae = await this.model.vae.get();
        return decodeRows((row) => vae.decode(row), step.x0);
      },
    };
  }

  #image(image: Image, parameters: GenerationParameters): GeneratedImage {
    const { encodeImage } = this.#options;
    return {
      ...image,
      parameters,
      encode(format, options = {}) {
        if (encodeImage === undefined) {
          throw new TypeError("Cannot encode the picture: the pipeline was made without an image encoder.");
        }
        return encodeImage(image, format, parameters, options);
      },
    };
  }

  #parameters(run: Run, row: number, { image }: GenerateOptions): GenerationParameters {
    return {
      prompt: run.prompts[row]!,
      negativePrompt: run.negativePrompts[row]!,
      model: this.model.name,
      backend: this.model.backend,
      sampler: run.sampler.name,
      steps: run.steps,
      guidance: run.guidance,
      seed: run.seeds[row]!,
      width: run.width,
      height: run.height,
      ...image !== undefined && { strength: run.strength },
    };
  }

  async #leave(part: LazyPart<unknown>): Promise<void> {
    if (this.#options.keep === "phase") await part.release();
  }

  #parts(): LazyPart<unknown>[] {
    const unets = [...this.model.unets.values()].map(({ part }) => part);
    return [this.model.textEncoder, ...unets, this.model.vae];
  }
}

/** One picture at a time: the decoder's activations are the largest of all. */
async function decodeRows(decode: (row: Latent) => Promise<Tensor>, latents: Latent): Promise<Image[]> {
  const images: Image[] = [];
  for (let row = 0; row < latents.shape[0]!; row++) {
    images.push(...toImages(await decode(sliceRows(latents, row, row + 1))));
  }
  return images;
}

/** Control pictures are in 0 … 1. */
function controlPixels(image: Image | Tensor): Tensor {
  if (!("width" in image)) return image;
  const pixels = asPixels(image);
  return { data: pixels.data.map((value) => (value + 1) / 2), shape: pixels.shape };
}

/** Adds up where the time goes. */
class Clock {
  readonly #start = performance.now();
  readonly #spent = { load: 0, encode: 0, denoise: 0, decode: 0 };

  load<T>(work: Promise<T>): Promise<T> {
    return this.spend("load", work);
  }

  async spend<T>(phase: "load" | "encode" | "denoise" | "decode", work: Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work;
    } finally {
      this.#spent[phase] += performance.now() - start;
    }
  }

  times(): Generation["milliseconds"] {
    const rounded = Object.entries(this.#spent).map(([phase, time]) => [phase, Math.round(time)]);
    return { ...Object.fromEntries(rounded), total: Math.round(performance.now() - this.#start) };
  }
}
