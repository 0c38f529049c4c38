/** The network, guidance and controls behind a sampler's {@linkcode Denoiser}. */
import type { Run } from "./generate_options.ts";
import { guide } from "./guidance.ts";
import { type Denoised, parameterise } from "./parameterisation.ts";
import type {
  Conditioning,
  Control,
  ControlOptions,
  NoisePredictor,
  PreparedControl,
  PrepareOptions,
  Residuals,
  Unet,
} from "./parts.ts";
import type { NoiseLevel, Schedule } from "./schedule.ts";
import { concatRows, type Latent, sliceRows, type Tensor } from "./tensor.ts";

/** A control with its picture and options. */
export interface BoundControl {
  readonly control: Control;
  readonly pixels: Tensor;
  readonly options: ControlOptions;
}

/** What the denoiser is made of. */
export interface GuidedDenoiserOptions {
  readonly unet: Unet;
  readonly conditional: Conditioning;
  /** Absent without guidance. */
  readonly unconditional?: Conditioning;
  readonly run: Run;
  readonly schedule: Schedule;
  readonly controls: readonly BoundControl[];
  readonly concat?: Latent;
  readonly signal?: AbortSignal;
}

/** A denoiser bound to its prompts; dispose it after the run. */
export class GuidedDenoiser implements AsyncDisposable {
  /** Index of the current step and number of steps, for controls that have a window. */
  progress: { index: number; steps: number };
  readonly #passes: readonly Pass[];
  readonly #options: GuidedDenoiserOptions;

  private constructor(options: GuidedDenoiserOptions, passes: readonly Pass[]) {
    this.#options = options;
    this.#passes = passes;
    this.progress = { index: 0, steps: options.run.steps };
  }

  /** Binds the conditioning: both halves in one batch, or one pass each. */
  static async prepare(options: GuidedDenoiserOptions): Promise<GuidedDenoiser> {
    const { conditional, unconditional, run } = options;
    const halves = unconditional === undefined ? [conditional] : [unconditional, conditional];
    const batches = run.guidanceMode === "batch" && halves.length > 1 ? [joinConditioning(halves)] : halves;
    const passes: Pass[] = [];
    for (const batch of batches) {
      const unconditionalRows = batch === conditional ? 0 : unconditional?.hidden.shape[0] ?? 0;
      passes.push(await preparePass(batch, unconditionalRows, options));
    }
    return new GuidedDenoiser(options, passes);
  }

  /** The {@linkcode Denoiser}. */
  readonly denoise = async (latent: Latent, at: NoiseLevel): Promise<Denoised> => {
    const { run, schedule, signal } = this.#options;
    await macrotask(); // backends that run on this thread starve timers, and with them the signal
    signal?.throwIfAborted();
    const outputs: Tensor[] = [];
    for (const pass of this.#passes) outputs.push(...await this.#evaluate(pass, latent, at.timestep));
    signal?.throwIfAborted();
    const [first, second] = outputs as [Tensor, Tensor?];
    const raw = second === undefined
      ? first
      : guide(first, second, { scale: run.guidance, rescale: run.guidanceRescale });
    return parameterise(raw, latent, at, schedule.config.predictionType);
  };

  /** One output for each half that the pass holds. */
  async #evaluate({ predictor, controls, rows }: Pass, latent: Latent, timestep: number): Promise<Tensor[]> {
    const own = latent.shape[0]!;
    const repeated = rows === own ? latent : concatRows([latent, latent]);
    const residuals = await this.#residuals(controls, repeated, timestep);
    const raw = await predictor.predict(repeated, timestep, residuals);
    return rows === own ? [raw] : [sliceRows(raw, 0, own), sliceRows(raw, own, rows)];
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
    for (const { predictor, controls } of this.#passes) {
      await predictor[Symbol.asyncDispose]();
      for (const control of controls) await control[Symbol.asyncDispose]();
    }
  }
}

interface Pass {
  readonly predictor: NoisePredictor;
  readonly controls: readonly PreparedControl[];
  readonly rows: number;
}

async function preparePass(
  conditioning: Conditioning,
  unconditionalRows: number,
  { unet, run, controls, concat, signal }: GuidedDenoiserOptions,
): Promise<Pass> {
  const rows = conditioning.hidden.shape[0]!;
  const options: PrepareOptions = {
    ...concat !== undefined && { concat: concat.shape[0] === rows ? concat : concatRows([concat, concat]) },
    ...unet.config.timeCondProjDim !== undefined && { guidanceScale: run.guidance },
    ...signal !== undefined && { signal },
  };
  const prepared: PreparedControl[] = [];
  for (const { control, pixels, options } of controls) {
    prepared.push(await control.prepare(pixels, conditioning, { ...options, unconditionalRows }));
  }
  return { predictor: await unet.prepare(conditioning, options), controls: prepared, rows };
}

function joinConditioning(halves: readonly Conditioning[]): Conditioning {
  const masks = halves.flatMap(({ mask }) => mask ?? []);
  const hidden = concatRows(halves.map((half) => half.hidden));
  return masks.length === halves.length ? { hidden, mask: concatRows(masks) } : { hidden };
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
