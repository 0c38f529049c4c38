/** WebP by libwebp, compiled to WASM by jSquash. */
import type { Image } from "../core/image.ts";
import { rgbaFrom, rgbFrom } from "./_rgb.ts";
import { callCodec } from "./_wasm.ts";

/** Pixels of a WebP file that is not animated. */
export async function decodeWebp(bytes: Uint8Array): Promise<Image> {
  const { default: decode, init } = await import("@jsquash/webp/decode.js");
  const program = () => import.meta.resolve("@jsquash/webp/codec/dec/webp_dec.wasm");
  const { result: { width, height, data } } = await callCodec("webp", program, async (options) => {
    await init(options);
    return await decode(new Uint8Array(bytes).buffer);
  });
  return { width, height, data: rgbFrom(data, width * height) };
}

/** A WebP file of a picture; `quality` from 0 to 100. */
export async function encodeWebp({ width, height, data }: Image, quality: number): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/webp/encode.js");
  const program = () => import.meta.resolve("@jsquash/webp/codec/enc/webp_enc_simd.wasm");
  const { result } = await callCodec("webp", program, async (options) => {
    await init(options);
    return await encode(new ImageData(rgbaFrom(data), width, height), { quality });
  });
  return new Uint8Array(result);
}
