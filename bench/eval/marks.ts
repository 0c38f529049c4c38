/** What the embedded model's adapters leave in a picture: the frame of the LoRA, the edges of the control. */
import { cannyEdges } from "../../image/mod.ts";
import type { Image } from "../../core/image.ts";

/** The frame's colour in `training/mini/render.py`, and how far from it a pixel may be. */
const red = [0xe4, 0x47, 0x4c];
const near = 60;
/** Pixels of the frame's ten that are looked at: the innermost two are its edge. */
const band = 8;

/** Share of the border's pixels that have the frame's colour. */
export function frameShare({ width, height, data }: Image): number {
  let [border, framed] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (Math.min(x, y, width - 1 - x, height - 1 - y) >= band) continue;
      border++;
      const at = 3 * (y * width + x);
      if (Math.hypot(...red.map((level, c) => data[at + c]! - level)) < near) framed++;
    }
  }
  return framed / border;
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
