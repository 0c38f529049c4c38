/** The network, guidance and controls behind a sampler's {@linkcode Denoiser}. */
import type { Run } from "./generate_options.ts";
import type { Guidance } from "../core/guidance.ts";
import { type Denoised, parameterise } from "../core/parameterisation.ts";
import type {
  Conditioning,
  Control,
  ControlOptions,
  Encoded,
  NoisePredictor,
  Pass,
  PassSum,
  PreparedControl,
  PrepareOptions,
  Residuals,
  Unet,
} from "../core/parts.ts";
import type { NoiseLevel, Schedule } from "../core/schedule.ts";
import { concatRows, type Latent, sliceRows, type Tensor } from "../core/tensor.ts";

/** A control with its picture and options. */
export interface BoundControl {
  readonly control: Control;
  readonly pixels: Tensor;
  readonly options: ControlOptions;
}

/** What the denoiser is made of. */
export interface GuidedDenoiserOptions {
  readonly unet: Unet;
  readonly encoded: Encoded;
  readonly guidance: Guidance;
  readonly run: Run;
  readonly schedule: Schedule;
  readonly controls: readonly BoundControl[];
  readonly concat?: Latent;
  readonly signal?: AbortSignal;
}

/** Rows of the pictures of a run, `end` not included. */
export interface Rows {
  readonly start: number;
  readonly end: number;
}

/** A denoiser bound to some of a run's pictures; dispose it after the run. */
export class GuidedDenoiser implements AsyncDisposable {
  /** Index of the current step and number of steps, for controls that have a window and prompts that change. */
  progress: { index: number; steps: number };
  readonly #options: GuidedDenoiserOptions;
  readonly #rows: Rows;
  /** Each list of passes is bound once; prompts that change with the step have several. */
  readonly #bound = new Map<readonly Pass[], readonly Batch[]>();

  private constructor(options: GuidedDenoiserOptions, rows: Rows) {
    this.#options = options;
    this.#rows = rows;
    this.progress = { index: 0, steps: options.run.steps };
  }

  /** Binds the conditioning of the first step: all passes in one batch, or one after the other. */
  static async prepare(options: GuidedDenoiserOptions, rows: Rows): Promise<GuidedDenoiser> {
    const denoiser = new GuidedDenoiser(options, rows);
    await denoiser.#batches();
    return denoiser;
  }

  /** The {@linkcode Denoiser}. */
  readonly denoise = async (latent: Latent, at: NoiseLevel): Promise<Denoised> => {
    const { guidance, schedule, signal } = this.#options;
    await macrotask(); // backends that run on this thread starve timers, and with them the signal
    signal?.throwIfAborted();
    const outputs: Record<string, Tensor> = {};
    for (const batch of await this.#batches()) {
      Object.assign(outputs, await this.#evaluate(batch, latent, at.timestep));
    }
    signal?.throwIfAborted();
    for (const sum of this.#options.encoded.sums ?? []) {
      outputs[sum.pass] = sumOf(sum, outputs, this.#rows);
    }
    return parameterise(guidance.combine(outputs), latent, at, schedule.prediction);
  };

  /** What this step's passes are bound to. */
  async #batches(): Promise<readonly Batch[]> {
    const { encoded, guidance, run } = this.#options;
    const passes = encoded.at?.(this.progress.index, this.progress.steps) ?? encoded.passes;
    const known = this.#bound.get(passes);
    if (known !== undefined) return known;
    // Those that guidance asks for fit into one call, as was said when the network was loaded; further ones come alone.
    const asked = passes.filter(({ name }) => guidance.passes.includes(name));
    const others = passes.filter((pass) => !asked.includes(pass));
    const together = run.guidanceMode === "batch"
      ? [asked, ...others.map((pass) => [pass])]
      : passes.map((pass) => [pass]);
    const batches: Batch[] = [];
    for (const group of together) batches.push(await this.#bind(group));
    this.#bound.set(passes, batches);
    return batches;
  }

  async #bind(passes: readonly Pass[]): Promise<Batch> {
    const { unet, run, controls, concat, signal } = this.#options;
    const { start, end } = this.#rows;
    const own = end - start;
    const conditioning = joinPasses(passes, start, end);
    const unconditionalRows = passes.filter(({ name }) => name === "unconditional").length * own;
    const options: PrepareOptions = {
      ...concat !== undefined && { concat: repeatRows(sliceRows(concat, start, end), passes.length) },
      ...unet.traits.embeddedGuidance && { guidanceScale: run.guidance },
      ...signal !== undefined && { signal },
    };
    const prepared: PreparedControl[] = [];
    for (const { control, pixels, options } of controls) {
      prepared.push(await control.prepare(pixels, conditioning, { ...options, unconditionalRows }));
    }
    const predictor = await unet.prepare(conditioning, options);
    return { predictor, controls: prepared, names: passes.map(({ name }) => name) };
  }

  /** The output of each pass of the batch. */
  async #evaluate(
    { predictor, controls, names }: Batch,
    latent: Latent,
    timestep: number,
  ): Promise<Record<string, Tensor>> {
    const own = latent.shape[0]!;
    const repeated = repeatRows(latent, names.length);
    const residuals = await this.#residuals(controls, repeated, timestep);
    const raw = await predictor.predict(repeated, timestep, residuals);
    if (names.length === 1) return { [names[0]!]: raw };
    return Object.fromEntries(names.map((name, i) => [name, sliceRows(raw, i * own, (i + 1) * own)]));
  }

  async #residuals(
    controls: readonly PreparedControl[],
    latent: Latent,
    timestep: number,
  ): Promise<Residuals | undefined> {
    const step = { latent, timestep, ...this.progress };
    let residuals: Residuals | undefined;
    for (const control of controls) residuals = await control.residuals(step, residuals);
    return residuals;
  }

  /** Frees the predictors and the prepared controls. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { predictor, controls } of [...this.#bound.values()].flat()) {
      await predictor[Symbol.asyncDispose]();
      for (const control of controls) await control[Symbol.asyncDispose]();
    }
  }
}

/** Passes that run in one call. */
interface Batch {
  readonly predictor: NoisePredictor;
  readonly controls: readonly PreparedControl[];
  /** Names of the passes, in the order of their rows. */
  readonly names: readonly string[];
}

/** Rows `start` to `end` of each pass, one pass after the other. */
function joinPasses(passes: readonly Pass[], start: number, end: number): Conditioning {
  const [first, ...others] = passes as readonly [Pass, ...Pass[]];
  const names = Object.keys(first.conditioning);
  for (const { name, conditioning } of others) {
    const own = Object.keys(conditioning);
    if (own.length === names.length && names.every((entry) => conditioning[entry] !== undefined)) continue;
    throw new TypeError(
      `Cannot bind the pass "${name}": its conditioning has ${own.join(", ")}, expected ${
        names.join(", ")
      } as the pass "${first.name}".`,
    );
  }
  return Object.fromEntries(names.map((entry) => [
    entry,
    concatRows(passes.map(({ conditioning }) => sliceRows(conditioning[entry]!, start, end))),
  ]));
}

function repeatRows(tensor: Tensor, times: number): Tensor {
  return times === 1 ? tensor : concatRows(Array<Tensor>(times).fill(tensor));
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The sum of some passes, for the rows at hand. */
function sumOf({ base, terms }: PassSum, outputs: Readonly<Record<string, Tensor>>, { start }: Rows): Tensor {
  const { data: from, shape } = outputs[base]!;
  const row = from.length / shape[0]!;
  const data = Float32Array.from(from);
  for (const { pass, weights } of terms) {
    const term = outputs[pass]!.data;
    for (let i = 0; i < data.length; i++) {
      data[i]! += weights[start + Math.floor(i / row)]! * (term[i]! - from[i]!);
    }
  }
  return { data, shape };
}
