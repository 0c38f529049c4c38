/**
 * Text to picture: encode the prompt, denoise, decode.
 *
 * @module
 */
import type { BoundControl } from "./_guided_denoiser.ts";
import { Clock } from "./_clock.ts";
import { checkDenoised, checkEncoded, decodeRows } from "./_decode.ts";
import { parametersOf } from "./_parameters.ts";
import { type ReadOptions, readPictures } from "./_pictures.ts";
import { RowGroups } from "./_row_groups.ts";
import { meantForOthers } from "./_meant_for.ts";
import { asPixels, runNoise, startRun } from "./_start.ts";
import { HeldStreams } from "./_held_streams.ts";
import { picturesSources, usedLoras } from "./_used.ts";
import { checkGenerateOptions, type GenerateOptions, planRun, type Run } from "./generate_options.ts";
import type {
  GeneratedImage,
  Generation,
  GenerationParameters,
  GenerationStep,
  ImageDecoder,
  ImageEncoder,
} from "./generation.ts";
import type { Image } from "../core/image.ts";
import { previewImages } from "./preview.ts";
import { classifierFree, type Guidance } from "../core/guidance.ts";
import type { LazyPart } from "../core/lazy_part.ts";
import { BackendUnavailableError, UnsupportedModelError } from "../core/errors.ts";
import type { LoraInput, Model } from "../core/model.ts";
import type { Fingerprint, UsedLora } from "./picture_sources.ts";
import { Queue } from "../core/queue.ts";
import type { Encoded, LoadNeeds } from "../core/parts.ts";
import { planSampling, runSampler, type SamplerStep } from "./run_sampler.ts";
import type { Sampler } from "../core/sampler.ts";
import type { Latent, Tensor } from "../core/tensor.ts";

/** Options of {@linkcode Pipeline}. */
export interface PipelineOptions {
  /** Writes picture files; without it `encode` of a picture throws. */
  readonly encodeImage?: ImageEncoder;
  /** Makes a sampler by its name; without it samplers are taken as values only. */
  readonly createSampler?: (name: string) => Sampler;
  /** Reads picture files; without it pictures are taken as pixels only. */
  readonly decodeImage?: ImageDecoder;
  /** Tells files from others, for the record of a picture; without it none is told. */
  readonly fingerprint?: Fingerprint;
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
  readonly #streams = new HeldStreams<GenerationStep, Generation>();
  readonly #opened = new Set<LazyPart<unknown>>();
  #loras: readonly UsedLora[] = [];
  #disposed = false;

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
   * @throws {BackendUnavailableError} If a device is lost in the middle; the next call loads the parts again.
   * @throws {DOMException} "AbortError" or "TimeoutError" when the signal fires.
   */
  async generate(options: GenerateOptions): Promise<Generation> {
    this.#streams.refuseInside("generate");
    const steps = this.#steps(options);
    while (true) {
      const { done, value } = await steps.next();
      if (done) return value;
    }
  }

  /**
   * Makes pictures, yielding after every step; the return value is the finished run. It takes its turn when the first
   * step is asked for. Breaking out of the loop stops the run; so does the signal, also between two steps, and the
   * garbage collector where nobody holds the stream any longer.
   *
   * @throws {TypeError} From a call of this pipeline inside the loop, which would wait for the loop's own end.
   */
  stream(options: GenerateOptions): AsyncGenerator<GenerationStep, Generation, void> {
    return this.#streams.hold(this.#steps(options), options);
  }

  async *#steps(options: GenerateOptions): AsyncGenerator<GenerationStep, Generation, void> {
    checkGenerateOptions(options);
    if (this.#disposed) {
      throw new TypeError("Cannot generate: the pipeline has been disposed of, make a new one.");
    }
    const { signal } = options;
    signal?.throwIfAborted();
    const coming = this.#queue.turn(signal); // before anything is waited for: calls are served in their order
    const { run, read } = await this.#plan(options).catch((error) => {
      coming.then((turn) => turn[Symbol.dispose](), () => {});
      throw error;
    });
    const turn = await coming;
    const clock = new Clock(signal);
    let drop = this.#options.keep === "phase";
    try {
      return yield* this.#run(run, read, clock);
    } catch (error) {
      drop ||= error instanceof BackendUnavailableError; // the device is lost, and all parts with it
      throw error;
    } finally {
      // Not waited for: whoever stops a run goes on at once, and the next call finds order.
      clock.idle().then(() => drop ? this.#drop() : undefined).catch(() => {}).then(() =>
        turn[Symbol.dispose]()
      );
    }
  }

  async #plan(options: GenerateOptions): Promise<{ readonly run: Run; readonly read: ReadOptions }> {
    const { sampler: named, ...others } = options;
    const sampler = typeof named === "string" ? this.#samplerCalled(named) : named;
    const given = { ...others, ...sampler !== undefined && { sampler } };
    const read = await readPictures(given, this.model, this.#options.decodeImage);
    return { run: planRun(read, this.model), read };
  }

  async *#run(
    run: Run,
    options: ReadOptions,
    clock: Clock,
  ): AsyncGenerator<GenerationStep, Generation, void> {
    const { signal } = options;
    const { schedule } = run;
    const warning = meantForOthers(run.sampler, this.model, this.#loras);
    if (warning !== undefined) options.onWarning?.(warning);
    const { trainedClipSkip: skipped } = this.model;
    if (skipped !== undefined && options.clipSkip === undefined) {
      options.onWarning?.(
        `The model's header says that it was trained with clip skip ${
          skipped + 1
        }, which is clipSkip ${skipped} here ` +
          `and was not asked for.`,
      );
    }
    const unet = this.model.unets.get(run.kind)!;
    const embedded = unet.traits.embeddedGuidance ?? false; // such networks take the scale as an input
    const guidance = (this.model.guidance ?? classifierFree)({
      scale: embedded ? 1 : run.guidance,
      rescale: run.guidanceRescale,
    });
    const controls = this.#ahead(clock, () => this.#controls(options));
    const network = this.#ahead(clock, async () => { // while the prompt is encoded
      const places = (await controls()).flatMap(({ control }) => control.places ?? []);
      const part = await unet.part.get();
      await part.load?.(needsOf(run, guidance, this.model, places));
      return part;
    });
    const encoded = await this.#encode(run, guidance, options, clock);
    const noise = runNoise(run);
    const vae = () => clock.load(this.model.vae.get());
    const { start, concat, blend } = await clock.spend(
      "encode",
      startRun(options, run, { noise, model: this.model, condition: unet.traits.condition, vae }),
    );
    if (options.image !== undefined) await this.#leave(this.model.vae);
    const decoder = this.#ahead(clock, () => this.model.vae.get()); // while the picture is denoised
    const kept = run.strength === 0 ? start.image : undefined; // nothing is to change: no step is taken
    let latents: Latent = kept ?? start.noise;
    if (kept === undefined) {
      await using denoiser = await RowGroups.prepare({
        unet: await clock.load(network()),
        encoded,
        guidance,
        run,
        schedule,
        controls: await clock.load(controls()),
        ...concat !== undefined && { concat },
        ...signal !== undefined && { signal },
      }, run.batchSize);
      const sampling = { schedule, steps: run.steps };
      const { plan, first } = planSampling(run.sampler, start, sampling);
      denoiser.progress = { index: 0, steps: plan.transitions.length - first };
      const steps = runSampler(run.sampler, denoiser.denoise, start, {
        schedule,
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
    checkDenoised(latents);
    await this.#leave(unet.part);
    const pixels = await clock.spend("decode", decodeRows(await clock.load(decoder()), latents, signal));
    await this.#leave(this.model.vae);
    const { fingerprint } = this.#options;
    const sources = await picturesSources(this.model, run, options, { loras: this.#loras, fingerprint });
    return {
      images: pixels.map((image, row) =>
        this.#image(image, parametersOf(row, run, this.model, options, sources))
      ),
      latents,
      milliseconds: clock.times(),
    };
  }

  /**
   * Loads everything that a run of this size and sampler needs and runs it once, so that the first real call finds
   * compiled programs.
   */
  async prewarm(options: Omit<GenerateOptions, "prompt" | "steps"> = {}): Promise<void> {
    await this.generate({ seed: 0, ...options, prompt: "", steps: 1 });
  }

  /**
   * Uses these LoRAs, and no others, from the next call on. A model that was opened with `loraPorts` takes them
   * without loading anything again; otherwise they are merged when the parts are loaded next.
   *
   * @param onWarning Told what a file leaves open, and what is assumed. Nobody is told by default.
   * @returns Keys that belong to no module of the model, of files with `strict: false`.
   * @throws {WeightsError} If a file is damaged or made for another model; the present LoRAs stay.
   * @throws {UnsupportedModelError} If it is of a kind that is not supported, or the model takes none.
   */
  async setLoras(loras: readonly LoraInput[], onWarning?: (message: string) => void): Promise<string[]> {
    this.#streams.refuseInside("set LoRAs");
    return await this.#queue.run(async () => {
      const { name, setLoras } = this.model;
      if (setLoras === undefined) {
        throw new UnsupportedModelError(`Cannot set LoRAs: the model "${name}" takes none.`);
      }
      const unmatched = await setLoras(loras, onWarning);
      this.#loras = await usedLoras(loras, this.#options.fingerprint);
      return unmatched;
    });
  }

  /** Drops all parts; the next call loads them again. */
  async release(): Promise<void> {
    this.#streams.refuseInside("release the parts");
    await this.#queue.run(() => this.#drop());
  }

  /** Waits for the current run and frees everything; the pipeline cannot be used again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#streams.refuseInside("dispose of the pipeline");
    this.#disposed = true;
    await this.release();
  }

  async #encode(run: Run, { passes }: Guidance, options: ReadOptions, clock: Clock): Promise<Encoded> {
    const { clipSkip, promptSyntax, onWarning } = options;
    const { prompts, negativePrompts, prompts2, negativePrompts2, sizes, width, height } = run;
    const encoder = await clock.load(this.model.textEncoder.get());
    const encoded = await clock.spend(
      "encode",
      encoder.encode({
        prompts,
        ...negativePrompts !== undefined && { negativePrompts },
        ...prompts2 !== undefined && { prompts2 },
        ...negativePrompts2 !== undefined && { negativePrompts2 },
        ...sizes !== undefined && { sizes },
        passes,
        width,
        height,
        ...clipSkip !== undefined && { clipSkip },
        ...promptSyntax !== undefined && { syntax: promptSyntax },
        steps: this.#stepsOf(run, options),
        ...onWarning !== undefined && { onWarning },
      }),
    );
    checkEncoded(encoded);
    await this.#leave(this.model.textEncoder);
    return encoded;
  }

  /** Number of steps of a run: those before a picture's noise level are left out. */
  #stepsOf(run: Run, { image }: ReadOptions): number {
    if (image !== undefined && run.strength === 0) return 0;
    const start = image === undefined ? {} : { image: EMPTY, strength: run.strength };
    const { plan, first } = planSampling(run.sampler, start, {
      schedule: run.schedule,
      steps: run.steps,
    });
    return plan.transitions.length - first;
  }

  #samplerCalled(name: string): Sampler {
    const { createSampler } = this.#options;
    if (createSampler !== undefined) return createSampler(name);
    throw new TypeError(
      `Cannot generate with the sampler "${name}": this pipeline knows none by name, expected a Sampler.`,
    );
  }

  async #controls({ control = [] }: ReadOptions): Promise<BoundControl[]> {
    const bound: BoundControl[] = [];
    for (const { source, image, ...options } of control) {
      const { name, openControl } = this.model;
      if (typeof source === "string" && openControl === undefined) {
        throw new UnsupportedModelError(
          `Cannot open the control "${source}": the model "${name}" takes none by name.`,
        );
      }
      const opened = typeof source === "string" ? await this.#own(openControl!(source)).get() : source;
      bound.push({ control: opened, pixels: controlPixels(image), options });
    }
    return bound;
  }

  #step(step: SamplerStep): GenerationStep {
    return {
      ...step,
      preview: () => previewImages(step.x0, this.model.latentToRgb),
      decode: async () => {
        const { vae, previewVae = vae } = this.model;
        return decodeRows(await previewVae.get(), step.x0);
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

  async #leave(part: LazyPart<unknown>): Promise<void> {
    if (this.#options.keep === "phase") await part.release();
  }

  /** Starts to load something before it is needed, if parts stay loaded. A failure is reported to whoever calls the result. */
  #ahead<T>(clock: Clock, load: () => Promise<T>): () => Promise<T> {
    let loading: Promise<T> | undefined;
    const once = () => loading ??= load();
    if (this.#options.keep !== "phase") clock.ahead(once());
    return once;
  }

  /** A part that was opened on the way, to be dropped with the others. */
  #own<T>(part: LazyPart<T>): LazyPart<T> {
    this.#opened.add(part);
    return part;
  }

  async #drop(): Promise<void> {
    const { textEncoder, unets, vae, previewVae } = this.model;
    const networks = [...unets.values()].map(({ part }) => part);
    for (const part of [textEncoder, ...networks, vae, previewVae, ...this.#opened]) await part?.release();
  }
}

/** Stands for a picture's latent where only its being there counts. */
const EMPTY: Latent = { data: new Float32Array(0), shape: [0] };

/** What a run needs of its UNet. */
function needsOf(run: Run, { passes }: Guidance, { scale }: Model, residuals: readonly string[]): LoadNeeds {
  const rows = Math.min(run.batchSize, run.prompts.length) *
    (run.guidanceMode === "batch" ? passes.length : 1);
  return { sizes: { rows, width: run.width / scale, height: run.height / scale }, ports: { residuals } };
}

/** Control pictures are in 0 … 1. */
function controlPixels(image: Image | Tensor): Tensor {
  if (!("width" in image)) return image;
  const pixels = asPixels(image);
  return { data: pixels.data.map((value) => (value + 1) / 2), shape: pixels.shape };
}
