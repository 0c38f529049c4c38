/**
 * Philox 4×32-10: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3". A counter goes through ten rounds
 * of a keyed bijection; nothing is carried from one block to the next.
 */

/** Multipliers of the rounds. */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
/** What the key grows by from round to round: the golden ratio, and √3 − 1. */
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Four words of 32 bits. */
export type Block = readonly [number, number, number, number];

/** The random words of one counter; all words are whole numbers from 0 to 2³² − 1. */
export function philox(counter: Block, key: readonly [number, number]): Block {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = product(M0, a);
    const [high1, low1] = product(M1, c);
    [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1, (high0 ^ d ^ k1) >>> 0, low0];
    [k0, k1] = [(k0 + W0) >>> 0, (k1 + W1) >>> 0];
  }
  return [a, b, c, d];
}

/** High and low word of a product of 64 bits, by halves of 16 bits, since a double holds 53. */
function product(x: number, y: number): [number, number] {
  const [x1, x0, y1, y0] = [x >>> 16, x & 0xffff, y >>> 16, y & 0xffff];
  const middle = x1 * y0 + Math.floor(x0 * y0 / 2 ** 16); // below 2³³
  const cross = x0 * y1 + middle % 2 ** 16;
  return [x1 * y1 + Math.floor(middle / 2 ** 16) + Math.floor(cross / 2 ** 16), Math.imul(x, y) >>> 0];
}
