/** What the embedded model's adapters leave in a picture: the pink hills of the LoRA, the edges of the control. */
import { cannyEdges } from "../../image/mod.ts";
import type { Image } from "../../core/image.ts";

/** The ground of "candy" in `training/mini/render.py`, and how far from it a pixel may be. */
const pink = [0xf5, 0x8f, 0xba];
const near = 48;
/** The part of the height that is ground whatever the hills do. */
const ground = 1 / 10;

/** Share of the picture's lowest tenth that has candy's pink. */
export function candyShare({ width, height, data }: Image): number {
  const first = Math.round(height * (1 - ground));
  let found = 0;
  for (let pixel = first * width; pixel < height * width; pixel++) {
    if (Math.hypot(...pink.map((level, c) => data[3 * pixel + c]! - level)) < near) found++;
  }
  return found / ((height - first) * width);
}

/**
 * How well a picture's edges follow others: the harmonic mean of the shares of either that have one of the other's
 * within `tolerance` pixels. Two pictures without edges agree.
 */
export function edgeF1(picture: Image, wanted: Image, tolerance = 2): number {
  const [made, asked] = [points(cannyEdges(picture)), points(wanted)];
  const { width, height } = picture;
  const hits = (own: Uint8Array, other: Uint8Array) => {
    let [count, hit] = [0, 0];
    own.forEach((on, i) => {
      if (on === 0) return;
      count++;
      const [x, y] = [i % width, Math.floor(i / width)];
      for (let v = Math.max(y - tolerance, 0); v <= Math.min(y + tolerance, height - 1); v++) {
        for (let u = Math.max(x - tolerance, 0); u <= Math.min(x + tolerance, width - 1); u++) {
          if (other[v * width + u] && Math.hypot(u - x, v - y) <= tolerance) return void hit++;
        }
      }
    });
    return count === 0 ? 1 : hit / count;
  };
  const [precision, recall] = [hits(made, asked), hits(asked, made)];
  return precision + recall === 0 ? 0 : 2 * precision * recall / (precision + recall);
}

function points({ data }: Image): Uint8Array {
  return Uint8Array.from({ length: data.length / 3 }, (_, i) => data[3 * i]! > 127 ? 1 : 0);
}
