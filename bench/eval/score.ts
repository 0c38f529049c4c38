/**
 * Whether a picture shows what its prompt asks for: GenEval's six tags (arXiv 2310.11513) for the small world.
 */
import type { Image } from "../../core/image.ts";
import type { Found } from "./detector.ts";

/** A prompt of `training/detector/prompts.jsonl` with what it asks for. */
export interface Request {
  readonly tag: string;
  readonly prompt: string;
  readonly kinds: readonly string[];
  /** How many of each kind. */
  readonly count: number;
  readonly colours: readonly (string | null)[];
  /** Where the first thing is, seen from the second. */
  readonly position: string | null;
  /** Whether a pair of kind and colour was never trained together. */
  readonly unseen: boolean;
}

/** Whether the things found, the most certain first, are what was asked for. */
export function shows(found: readonly Found[], { tag, kinds, count, colours, position }: Request): boolean {
  const firsts: Found[] = [];
  for (const [i, kind] of kinds.entries()) {
    const alike = found.filter((thing) => thing.kind === kind);
    if (tag === "counting" && alike.length !== count) return false;
    const first = alike.find(({ colour }) => colours[i] === null || colours[i] === colour);
    if (first === undefined) return false;
    firsts.push(first);
  }
  return position === null || relations(firsts[0]!, firsts[1]!).has(position);
}

/** Which relations "a … b" hold: the offset of the centres, less a tenth of the boxes' sizes, over its length. */
export function relations(a: Found, b: Found): Set<string> {
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  const norm = Math.hypot(dx, dy) || 1;
  const shrink = (offset: number, sizes: number) =>
    Math.sign(offset) * Math.max(Math.abs(offset) - 0.1 * sizes, 0) / norm;
  const [x, y] = [shrink(dx, a.width + b.width), shrink(dy, a.height + b.height)];
  const holds = { "left of": x < -0.5, "right of": x > 0.5, "above": y < -0.5, "below": y > 0.5 };
  return new Set(Object.entries(holds).filter(([, held]) => held).map(([name]) => name));
}

/** Share of successes with its 95 % interval (Wilson 1927). */
export function proportion(successes: number, trials: number): { share: number; low: number; high: number } {
  const [z, p] = [1.96, successes / trials];
  const centre = (p + z * z / (2 * trials)) / (1 + z * z / trials);
  const half = z / (1 + z * z / trials) * Math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials));
  return { share: p, low: Math.max(centre - half, 0), high: Math.min(centre + half, 1) };
}

/** Share of successes less another run's on the same prompts and seeds, with its 95 % interval over the pairs. */
export function paired(
  these: readonly boolean[],
  those: readonly boolean[],
): { difference: number; low: number; high: number } {
  const gains = these.map((right, i) => Number(right) - Number(those[i]));
  const difference = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const squares = gains.reduce((sum, gain) => sum + (gain - difference) ** 2, 0);
  const half = 1.96 * Math.sqrt(squares / (gains.length - 1) / gains.length);
  return { difference, low: difference - half, high: difference + half };
}

/** How far pictures of one size are apart: root mean square over 255 levels, mean of all pairs. */
export function spread(images: readonly Image[]): number {
  const distances = images.flatMap(({ data }, i) =>
    images.slice(0, i).map((other) =>
      Math.sqrt(data.reduce((sum, level, at) => sum + (level - other.data[at]!) ** 2, 0) / data.length)
    )
  );
  return distances.reduce((sum, distance) => sum + distance, 0) / distances.length;
}

/** Mean gradient energy of a picture in 0 … 1: how sharp it is. */
export function sharpness({ width, height, data }: Image): number {
  let sum = 0;
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const here = data[3 * (y * width + x) + channel]!;
        const right = data[3 * (y * width + x + 1) + channel]! - here;
        const below = data[3 * ((y + 1) * width + x) + channel]! - here;
        sum += (right * right + below * below) / (255 * 255);
      }
    }
  }
  return sum / (3 * (width - 1) * (height - 1));
}
