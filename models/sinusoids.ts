/**
 * Sinusoidal features of a number (Vaswani et al. 2017), for timesteps and guidance scales.
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";

/** Options of {@linkcode sinusoids}. */
export interface SinusoidOptions {
  /** Number of features, even. */
  readonly features: number;
  /** Cosines before sines. @default {true} */
  readonly flipSinToCos?: boolean;
  /** The slowest frequency is 10000^(−(half − 1) / (half − shift)). @default {0} */
  readonly frequencyShift?: number;
}

/** Features `[values, features]` in float32; computed on the host because half precision cannot hold a timestep's phase. */
export function sinusoids(
  values: readonly number[],
  { features, flipSinToCos = true, frequencyShift = 0 }: SinusoidOptions,
): Tensor {
  const half = features / 2;
  const data = new Float32Array(values.length * features);
  for (const [row, value] of values.entries()) {
    for (let i = 0; i < half; i++) {
      const frequency = Math.fround(Math.exp(Math.fround(-Math.log(10000) * i / (half - frequencyShift))));
      const phase = Math.fround(Math.fround(value) * frequency);
      const [first, second] = flipSinToCos
        ? [Math.cos(phase), Math.sin(phase)]
        : [Math.sin(phase), Math.cos(phase)];
      data[row * features + i] = first;
      data[row * features + half + i] = second;
    }
  }
  return { data, shape: [values.length, features] };
}

/** Features `[rows, features]` of a guidance scale for w-conditioned networks (Meng et al. 2023): of 1000 · (scale − 1). */
export function guidanceFeatures(scale: number, rows: number, features: number): Tensor {
  return sinusoids(Array(rows).fill((scale - 1) * 1000), {
    features,
    flipSinToCos: false,
    frequencyShift: 1,
  });
}
