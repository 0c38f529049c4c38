/**
 * The judge: finds the things in a picture of the small world. A net of convolutions after CenterNet ("Objects as
 * Points", arXiv 1904.07850), trained on renders in `training/` and never part of a loss.
 */
import type { Backend, Runner } from "../../backends/backend.ts";
import type { Image } from "../../core/image.ts";
import type { Tensor } from "../../core/tensor.ts";
import { GraphBuilder } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import { openSafetensors } from "../../weights/safetensors.ts";

/** What the judge's `config.json` says. */
export interface DetectorConfig {
  readonly kinds: readonly string[];
  readonly colours: readonly string[];
  readonly layers: readonly { readonly channels: number; readonly stride: number }[];
  /** Pixels that a cell of the output stands for. */
  readonly cell: number;
  /** Pixels that a box size of 1 stands for. */
  readonly box_scale: number;
  /** Least confidence of a thing. */
  readonly threshold: number;
}

/** A thing that was found; lengths in pixels. */
export interface Found {
  readonly kind: string;
  readonly colour: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly confidence: number;
}

/** The judge, loaded. */
export interface Detector extends AsyncDisposable {
  /** The raw output `[1, kinds + colours + 4, height / cell, width / cell]`. */
  raw(image: Image): Promise<Tensor>;
  /** What is in a picture, the most certain first. */
  detect(image: Image): Promise<Found[]>;
}

/** Loads the judge from `training/detector`. */
export async function loadDetector(backend: Backend): Promise<Detector> {
  const folder = new URL("../../training/detector/", import.meta.url);
  const config: DetectorConfig = JSON.parse(await Deno.readTextFile(new URL("config.json", folder)));
  const weights = await openSafetensors(new URL("detector.safetensors", folder).pathname);
  const runner: Runner = await backend.load({ kind: "graph", graph: detectorGraph(config), weights });
  const raw = async (image: Image) => (await runner.run({ pictures: toUnit(image) })).out as Tensor;
  return {
    raw,
    detect: async (image) => findThings(await raw(image), config),
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await weights[Symbol.asyncDispose]();
    },
  };
}

function detectorGraph({ layers, kinds, colours }: DetectorConfig): Graph {
  const g = new GraphBuilder("detector");
  const pictures = g.input("pictures", "float32", [1, 3, "height", "width"]);
  let hidden = g.subtract("pictures", g.multiply("pictures", pictures, g.scalar(2)), g.scalar(1));
  for (const [i, { channels, stride }] of layers.entries()) {
    hidden = g.activation(`layers.${i}`, "relu", g.conv2d(`layers.${i}`, hidden, channels, { stride }));
  }
  return g.build({ out: g.conv2d("head", hidden, kinds.length + colours.length + 4, { kernel: 1 }) });
}

/** Local maxima of the heat (3 × 3, per kind) at or above the threshold. */
function findThings(
  { data, shape }: Tensor,
  { kinds, colours, cell, box_scale, threshold }: DetectorConfig,
): Found[] {
  const [height, width] = shape.slice(2) as [number, number];
  const at = (channel: number, y: number, x: number) => data[(channel * height + y) * width + x]!;
  const isPeak = (kind: number, y: number, x: number) => {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const inside = y + dy >= 0 && y + dy < height && x + dx >= 0 && x + dx < width;
        if (inside && at(kind, y + dy, x + dx) > at(kind, y, x)) return false;
      }
    }
    return true;
  };
  const found: Found[] = [];
  for (const [index, kind] of kinds.entries()) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const confidence = 1 / (1 + Math.exp(-at(index, y, x)));
        if (confidence < threshold || !isPeak(index, y, x)) continue;
        const tints = colours.map((_, colour) => at(kinds.length + colour, y, x));
        const [w, h, dx, dy] = [0, 1, 2, 3].map((i) => at(kinds.length + colours.length + i, y, x)) as [
          number,
          number,
          number,
          number,
        ];
        found.push({
          kind,
          colour: colours[tints.indexOf(Math.max(...tints))]!,
          x: (x + dx) * cell,
          y: (y + dy) * cell,
          width: w * box_scale,
          height: h * box_scale,
          confidence,
        });
      }
    }
  }
  return found.sort((a, b) => b.confidence - a.confidence);
}

/** A picture to `[1, 3, height, width]` in 0 … 1. */
function toUnit({ width, height, data }: Image): Tensor {
  const plane = width * height;
  const pixels = Float32Array.from(
    { length: 3 * plane },
    (_, i) => data[3 * (i % plane) + Math.floor(i / plane)]! / 255,
  );
  return { data: pixels, shape: [1, 3, height, width] };
}
