/**
 * Logarithm, sine and cosine in float32, rounding for rounding as PyTorch's AVX2 code for random numbers has
 * them: the single-precision polynomials of Moshier's Cephes library, evaluated by Horner's rule with fused
 * multiply-adds. `Math.log` and `Math.cos` are closer to the truth, and that is why they differ from PyTorch in
 * the last bit of every sixth number.
 *
 * @module
 */

const float = Math.fround;

/** `a · b + c`, rounded once: the product of two float32 is exact in float64, and the sum all but is. */
function fma(a: number, b: number, c: number): number {
  return float(a * b + c);
}

/** Evaluates a polynomial, highest power first. */
function horner(x: number, coefficients: readonly number[]): number {
  return coefficients.reduce((sum, coefficient) => fma(sum, x, float(coefficient)), 0);
}

const LOG = [
  7.0376836292e-2,
  -1.1514610310e-1,
  1.1676998740e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
];

/** ln 2 = LN2_HIGH + LN2_LOW; the high part has few bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = float(-2.12194440e-4);

/** ln x for x = k · 2⁻²⁴, k from 1 to 2²⁴: all that one minus a float32 uniform number can be. */
export function log(x: number): number {
  let exponent = 8 - Math.clz32(x * 2 ** 24); // bits of k, minus 24
  let m = x / 2 ** exponent; // in 0.5 … 1, exactly
  if (m < float(Math.SQRT1_2)) {
    exponent -= 1;
    m *= 2;
  }
  m -= 1;
  const z = float(m * m);
  let y = float(horner(m, LOG) * m);
  y = fma(y, z, float(exponent * LN2_LOW));
  y = fma(-z, 0.5, y);
  return fma(exponent, LN2_HIGH, float(m + y));
}

const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/** −π/4 in three parts, for an exact range reduction (Cody & Waite). */
const EIGHTH_TURN = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8].map(float);

/** Sine and cosine of a float32 from 0 to 2π. */
export function sinCos(angle: number): [sin: number, cos: number] {
  const octant = Math.trunc(float(angle * float(4 / Math.PI)));
  const nearest = octant + octant % 2; // 0, 2, 4, 6 or 8 eighths of a turn
  const x = EIGHTH_TURN.reduce((rest, part) => fma(nearest, part, rest), angle);
  const z = float(x * x);
  const sine = fma(float(horner(z, SIN) * z), x, x);
  const cosine = float(fma(float(horner(z, COS) * z), z, -z / 2) + 1);
  switch (nearest % 8) {
    case 2:
      return [cosine, -sine];
    case 4:
      return [-sine, -cosine];
    case 6:
      return [-cosine, sine];
    default:
      return [sine, cosine];
  }
}
