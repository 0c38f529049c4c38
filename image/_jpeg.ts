/** JPEG by MozJPEG, compiled to WASM by jSquash. */
import type { Image } from "../core/image.ts";
import { damaged } from "./_header.ts";
import { rgbaFrom, rgbFrom } from "./_rgb.ts";
import { callCodec } from "./_wasm.ts";

/** What the decoder says when it had to invent pixels; its other warnings change none. */
const invented = /premature end|bad huffman code|bogus|unsupported|inconsistent progression/i;

/** Pixels of a JPEG file, turned as its EXIF orientation says. */
export async function decodeJpeg(bytes: Uint8Array): Promise<Image> {
  const { default: decode, init } = await import("@jsquash/jpeg/decode.js");
  const program = () => import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  const { result: { width, height, data }, messages } = await callCodec("jpeg", program, async (options) => {
    await init(options);
    return await decode(new Uint8Array(bytes).buffer, { preserveOrientation: true });
  });
  const message = messages.find((line) => invented.test(line));
  if (message !== undefined) throw damaged("jpeg", message);
  return { width, height, data: rgbFrom(data, width * height) };
}

/** A JPEG file of a picture; `quality` from 0 to 100. */
export async function encodeJpeg({ width, height, data }: Image, quality: number): Promise<Uint8Array> {
  const { default: encode, init } = await import("@jsquash/jpeg/encode.js");
  const program = () => import.meta.resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  const { result } = await callCodec("jpeg", program, async (options) => {
    await init(options);
    return await encode(new ImageData(rgbaFrom(data), width, height), { quality });
  });
  return new Uint8Array(result);
}
