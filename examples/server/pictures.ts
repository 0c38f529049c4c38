/**
 * Pictures as clients send them: base64 or files, never an address.
 *
 * @module
 */
import { decode, hasPngSignature } from "fast-png";
import type { Image } from "../../core/image.ts";
import { decodeImage } from "../../image/mod.ts";
import { refuse } from "./limits.ts";

/** The most pixels of a picture that is sent. */
const mostPixels = 2 ** 24;

/**
 * Bytes from base64, with or without `data:image/…;base64,` before it.
 *
 * @throws {HTTPException} If it is an address, a path, or no base64.
 */
export function fromBase64(text: string, parameter: string): Uint8Array {
  const data = text.match(/^data:image\/[\w.+-]+;base64,/)?.[0] ?? "";
  const body = text.slice(data.length).replaceAll(/\s/g, "");
  if (body.length === 0 || body.length % 4 === 1 || !/^[A-Za-z0-9+/]*={0,2}$/.test(body)) {
    refuse(`${parameter} is no picture in base64; addresses and paths are never opened.`, parameter);
  }
  return Buffer.from(body, "base64");
}

/** @throws {HTTPException} If the bytes are no PNG, JPEG or WebP, or too many pixels. */
export async function pictureOf(bytes: Uint8Array, parameter: string): Promise<Image> {
  return await decodeImage(bytes, { maxPixels: mostPixels }).catch((cause: Error) =>
    refuse(cause.message, parameter)
  );
}

/**
 * Where a PNG is transparent, as white on black; `undefined` where it has no transparency.
 *
 * @throws {HTTPException} If it is no PNG.
 */
export async function transparencyOf(bytes: Uint8Array, parameter: string): Promise<Image | undefined> {
  const { width, height } = await pictureOf(bytes, parameter); // which checks the file before it is read as a PNG
  if (!hasPngSignature(bytes)) return undefined;
  const { data, channels, depth } = decode(bytes);
  if (channels !== 4 && channels !== 2) return undefined;
  const most = 2 ** depth - 1;
  const mask = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    if (data[(i + 1) * channels - 1]! < most / 2) mask.fill(255, 3 * i, 3 * i + 3);
  }
  return { width, height, data: mask };
}

/** The bytes of a file as base64. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
