/**
 * From a raw network output to the clean latent and the noise, and back: the parameterisations.
 *
 * @module
 */
import type { NoiseLevel, PredictionType } from "./schedule.ts";
import type { Latent, Tensor } from "./tensor.ts";

/** A network's opinion of a noisy latent, in all forms a sampler may want. All float32, shape of the latent. */
export interface Denoised {
  /** The network's output (after guidance), as it was. */
  readonly raw: Tensor;
  /** The predicted clean latent. */
  readonly x0: Latent;
  /** The predicted noise. */
  readonly epsilon: Latent;
}

/**
 * Converts a raw output. With `alpha` = 0 (zero terminal SNR) epsilon prediction says nothing about x0.
 *
 * @throws {RangeError} For epsilon prediction at alpha = 0.
 */
export function parameterise(
  raw: Tensor,
  latent: Latent,
  { alpha, sigma, timestep }: NoiseLevel,
  predictionType: PredictionType,
): Denoised {
  const { data: z, shape } = latent;
  const { data: out } = raw;
  const result = { data: new Float32Array(z.length), shape };
  switch (predictionType) {
    case "epsilon":
      if (alpha === 0) throw zeroSignalError(timestep);
      for (let i = 0; i < z.length; i++) result.data[i] = (z[i]! - sigma * out[i]!) / alpha;
      return { raw, x0: result, epsilon: raw };
    case "sample":
      for (let i = 0; i < z.length; i++) result.data[i] = (z[i]! - alpha * out[i]!) / sigma;
      return { raw, x0: raw, epsilon: result };
    case "v_prediction": {
      const x0 = new Float32Array(z.length);
      for (let i = 0; i < z.length; i++) {
        x0[i] = alpha * z[i]! - sigma * out[i]!;
        result.data[i] = alpha * out[i]! + sigma * z[i]!;
      }
      return { raw, x0: { data: x0, shape }, epsilon: result };
    }
    case "flow_prediction":
    case "reversed_flow_prediction": { // v = ε − x0 and z = α·x0 + σ·ε, solved for both
      const x0 = new Float32Array(z.length);
      const sign = predictionType === "flow_prediction" ? 1 : -1;
      for (let i = 0; i < z.length; i++) {
        const v = sign * out[i]!;
        x0[i] = (z[i]! - sigma * v) / (alpha + sigma);
        result.data[i] = (z[i]! + alpha * v) / (alpha + sigma);
      }
      return { raw, x0: { data: x0, shape }, epsilon: result };
    }
  }
}

/** A noise prediction where there is nothing but noise: it says nothing about the picture. */
export function zeroSignalError(timestep: number): RangeError {
  return new RangeError(
    `Cannot predict x0 from epsilon at timestep ${timestep}: the signal is zero there. ` +
      `Use a model that predicts v or x0, or a schedule without zero terminal SNR.`,
  );
}

/** The forward process: a clean latent and noise, mixed at a level. `alpha · x0 + sigma · epsilon`. */
export function addNoise(x0: Latent, epsilon: Latent, { alpha, sigma }: NoiseLevel): Latent {
  return { data: x0.data.map((value, i) => alpha * value + sigma * epsilon.data[i]!), shape: x0.shape };
}
