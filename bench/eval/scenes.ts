/** The judge's prompts, and pictures that the renderer drew for some of them. */
import { decodeImage } from "../../image/mod.ts";
import type { Image } from "../../core/image.ts";
import type { Request } from "./score.ts";

/** The tags of GenEval, in its order. */
export const TAGS: readonly string[] = [
  "single_object",
  "two_object",
  "counting",
  "colors",
  "position",
  "color_attr",
];

/** All held-out prompts. */
export async function readRequests(): Promise<Request[]> {
  const lines = await Deno.readTextFile(
    new URL("../../training/detector/prompts.jsonl", import.meta.url),
  );
  return lines.trim().split("\n").map((line) => JSON.parse(line) as Request);
}

/** A prompt with an oracle's picture of it. */
export interface OracleScene {
  readonly request: Request;
  readonly picture: Image;
}

/** The first eight prompts of each tag, with their pictures (made by `training/stages/scenes.py`). */
export async function readOracleScenes(): Promise<OracleScene[]> {
  const requests = await readRequests();
  const chosen = TAGS.flatMap((tag) => requests.filter((r) => r.tag === tag && !r.unseen).slice(0, 8));
  const pictures = await readTiles("control.png");
  return chosen.map((request, i) => ({ request, picture: pictures[i]! }));
}

/** What the picture sheet asks for, with an oracle's pictures. */
export async function readSheet(): Promise<{ requests: Request[]; pictures: Image[] }> {
  const requests = JSON.parse(await Deno.readTextFile(new URL("scenes/sheet.json", import.meta.url)));
  return { requests, pictures: await readTiles("sheet.png") };
}

async function readTiles(name: string, size = 128): Promise<Image[]> {
  const sheet = await decodeImage(await Deno.readFile(new URL(`scenes/${name}`, import.meta.url)));
  const columns = sheet.width / size;
  return Array.from({ length: columns * sheet.height / size }, (_, i) => {
    const [left, top] = [i % columns * size, Math.floor(i / columns) * size];
    const data = new Uint8Array(3 * size * size);
    for (let y = 0; y < size; y++) {
      const from = 3 * ((top + y) * sheet.width + left);
      data.set(sheet.data.subarray(from, from + 3 * size), 3 * y * size);
    }
    return { width: size, height: size, data };
  });
}
