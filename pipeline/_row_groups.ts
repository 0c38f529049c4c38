/** Many pictures, a few at a time: rows are cut into groups, so that no network call holds more than one group. */
import { GuidedDenoiser, type GuidedDenoiserOptions } from "./_guided_denoiser.ts";
import type { Denoised } from "../core/parameterisation.ts";
import type { NoiseLevel } from "../core/schedule.ts";
import { concatRows, type Latent, sliceRows } from "../core/tensor.ts";

/** One {@linkcode GuidedDenoiser} a group, and one denoiser over all rows. */
export class RowGroups implements AsyncDisposable {
  readonly #groups: readonly GuidedDenoiser[];
  readonly #size: number;

  private constructor(groups: readonly GuidedDenoiser[], size: number) {
    this.#groups = groups;
    this.#size = size;
  }

  /** Binds the conditioning of each group of `size` of the run's rows. */
  static async prepare(options: GuidedDenoiserOptions, size: number): Promise<RowGroups> {
    const rows = options.run.prompts.length;
    const groups: GuidedDenoiser[] = [];
    for (let start = 0; start < rows; start += size) {
      groups.push(await GuidedDenoiser.prepare(options, { start, end: Math.min(start + size, rows) }));
    }
    return new RowGroups(groups, size);
  }

  /** Index of the current step and number of steps. */
  set progress(progress: GuidedDenoiser["progress"]) {
    for (const group of this.#groups) group.progress = progress;
  }

  /** The denoiser over all rows. */
  readonly denoise = async (latent: Latent, at: NoiseLevel): Promise<Denoised> => {
    const parts: Denoised[] = [];
    for (const [i, group] of this.#groups.entries()) {
      const start = i * this.#size;
      const end = Math.min(start + this.#size, latent.shape[0]!);
      parts.push(await group.denoise(sliceRows(latent, start, end), at));
    }
    const join = (name: keyof Denoised) => concatRows(parts.map((part) => part[name]));
    return { raw: join("raw"), x0: join("x0"), epsilon: join("epsilon") };
  };

  /** Frees the groups. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const group of this.#groups) await group[Symbol.asyncDispose]();
  }
}
