/**
 * Spacings of noise levels by the names that other programs have for them, as options of our samplers. They reckon
 * with the thousand training timesteps of Stable Diffusion.
 */
import type { LevelOptions } from "../../core/schedule.ts";

const trained = 1000;

/** Options of a spacing for so many steps; `undefined` where it cannot be made. */
export function levelOptions(name: string, steps: number): LevelOptions | undefined {
  const count = Math.min(Math.max(Math.trunc(steps), 1), trained);
  const at = (place: (i: number) => number) => ({
    timesteps: Array.from({ length: count }, (_, i) => place(i)),
  });
  const last = trained - 1;
  switch (name.toLowerCase().replaceAll(/[\s_-]/g, "")) {
    case "uniform":
    case "normal":
    case "discrete":
      return { spacing: "linspace" };
    case "model":
      return {};
    case "karras":
      return { sigmas: "karras", spacing: "linspace" };
    case "exponential":
    case "polyexponential": // with its exponent of 1, which nobody changes
      return { sigmas: "exponential", spacing: "linspace" };
    case "beta":
      return { sigmas: "beta", spacing: "linspace" };
    case "turbo":
      return { spacing: "trailing" };
    case "sgmuniform":
      return at((i) => last - last * i / count);
    case "simple":
      return at((i) => last - Math.floor(i * trained / count));
    case "ddim":
    case "ddimuniform": {
      const stride = Math.max(Math.floor(trained / count), 1);
      const length = Math.ceil(last / stride); // the programs make so many steps, whatever was asked for
      return length === count ? at((i) => 1 + (count - 1 - i) * stride) : undefined;
    }
    case "ays":
    case "alignyoursteps":
      return { sigmas: [...resampled(alignedSigmas, count), 0] };
    default:
      return undefined;
  }
}

/** Sabour et al. 2024, "Align Your Steps": σ of ten steps for Stable Diffusion 1.5. */
const alignedSigmas = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];

/** So many values along the same curve, by interpolation in log σ. */
function resampled(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const place = count === 1 ? 0 : i / (count - 1) * (values.length - 1);
    const low = Math.min(Math.floor(place), values.length - 2);
    const part = place - low;
    return Math.exp((1 - part) * Math.log(values[low]!) + part * Math.log(values[low + 1]!));
  });
}
