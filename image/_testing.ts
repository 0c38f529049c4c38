/**
 * What the tests of pictures share: testdata/golden.json, which make_golden.py made, and the reference's
 * tensors.
 */
import { readFile } from "node:fs/promises";
import type { Image } from "../core/image.ts";
import { decodeImage } from "./decode_image.ts";
import type { ResizeOptions } from "./resize.ts";

/** OpenCV's edges of the picture. */
interface Edges {
  readonly low: number;
  readonly high: number;
  readonly blur: number;
}

/** The picture at another size, by Pillow. */
type Size = Required<Pick<ResizeOptions, "filter" | "fit">>;

interface GoldenFile {
  readonly picture: string;
  readonly edges: readonly (Edges & { readonly png: string })[];
  readonly sizes: readonly (Size & { readonly png: string })[];
  readonly grey: string;
}

interface Golden {
  readonly edges: readonly (Edges & { readonly image: Image })[];
  readonly sizes: readonly (Size & { readonly image: Image })[];
  readonly grey: Image;
}

/** A picture with discs, waves and noise, 96 × 72. */
export async function picture(): Promise<Image> {
  return await decode((await file()).picture);
}

/** What OpenCV and Pillow make of it. */
export async function golden(): Promise<Golden> {
  const { edges, sizes, grey } = await file();
  const withImage = async <T extends { png: string }>(list: readonly T[]) =>
    await Promise.all(list.map(async (entry) => ({ ...entry, image: await decode(entry.png) })));
  return { edges: await withImage(edges), sizes: await withImage(sizes), grey: await decode(grey) };
}

/** A float32 tensor of the reference. */
export async function referenceTensor(
  path: string,
  name: string,
): Promise<{ data: Float32Array; shape: number[] }> {
  const bytes = await readFile(new URL(`../tests/reference/${path}`, import.meta.url));
  const begin = 8 + Number(bytes.readBigUInt64LE());
  const { shape, data_offsets: [from, to] } = JSON.parse(bytes.toString("utf8", 8, begin))[name];
  return { data: new Float32Array(new Uint8Array(bytes.subarray(begin + from, begin + to)).buffer), shape };
}

async function file(): Promise<GoldenFile> {
  return JSON.parse(await readFile(new URL("testdata/golden.json", import.meta.url), "utf8"));
}

async function decode(base64: string): Promise<Image> {
  return await decodeImage(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
