/** The pictures that a user hands in: files are read, pixels are checked. */
import type { ControlInput, GenerateOptions } from "./generate_options.ts";
import type { ImageDecoder } from "./generation.ts";
import type { Image, Picture } from "../core/image.ts";
import type { Model } from "../core/model.ts";
import type { Sampler } from "../core/sampler.ts";
import { sizeOf, type Tensor } from "../core/tensor.ts";

/** Options with every picture as pixels. */
export interface ReadOptions extends Omit<GenerateOptions, "image" | "mask" | "control" | "sampler"> {
  readonly sampler?: Sampler;
  readonly image?: Image | Tensor;
  readonly mask?: Image | Tensor;
  readonly control?: readonly ReadControl[];
}

/** A control with its picture as pixels. */
export interface ReadControl extends Omit<ControlInput, "image"> {
  readonly image: Image | Tensor;
}

/**
 * Reads and checks the pictures of a call. The first one is cut to the size that was asked for; mask and controls to
 * the size of the result.
 */
export async function readPictures(
  options: Omit<GenerateOptions, "sampler"> & { readonly sampler?: Sampler },
  model: Model,
  decode: ImageDecoder | undefined,
): Promise<ReadOptions> {
  const { image: first, mask, control, ...rest } = options;
  const fit = { pixels: model.size ** 2, multipleOf: model.scale };
  const asked = {
    ...options.width !== undefined && { width: options.width },
    ...options.height !== undefined && { height: options.height },
  };
  const read = async (name: string, picture: Picture, channels: number, size: Partial<Size>) => {
    const pixels = isFile(picture) ? await decodeWith(decode, name, picture, { ...fit, ...size }) : picture;
    checkPixels(name, pixels, channels);
    return pixels;
  };
  const image = first === undefined ? undefined : await read("image", first, 3, asked);
  const result = { width: model.size, height: model.size, ...image && pictureSize(image), ...asked };
  const controls: ReadControl[] = [];
  for (const input of control ?? []) {
    controls.push({ ...input, image: await read("control image", input.image, 3, result) });
  }
  return {
    ...rest,
    control: controls,
    ...image !== undefined && { image },
    ...mask !== undefined && { mask: await read("mask", mask, 1, result) },
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Pixels across and down. */
export function pictureSize(image: Image | Tensor): Size {
  if ("width" in image) return { width: image.width, height: image.height };
  const [height = 0, width = 0] = image.shape.slice(-2);
  return { width, height };
}

function isFile(picture: Picture): picture is Uint8Array | Blob {
  return picture instanceof Uint8Array || picture instanceof Blob;
}

async function decodeWith(
  decode: ImageDecoder | undefined,
  name: string,
  file: Uint8Array | Blob,
  fit: Parameters<ImageDecoder>[1],
): Promise<Image> {
  if (decode === undefined) {
    throw new TypeError(`Cannot read the ${name}: the pipeline was made without an image decoder.`);
  }
  return await decode(file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file, fit);
}

function checkPixels(name: string, picture: Image | Tensor, channels: number): void {
  if ("width" in picture) {
    const { width, height, data } = picture;
    if (
      [width, height].every((side) => Number.isInteger(side) && side > 0) &&
      data.length === 3 * width * height
    ) return;
    throw new RangeError(
      `Cannot use the ${name}: it says ${width} × ${height} and has ${data.length} values, expected 3 for each pixel, and one pixel.`,
    );
  }
  const { data, shape } = picture;
  const [rows, planes, ...sides] = shape;
  if (
    rows !== 1 || planes !== channels || sides.length !== 2 || data.length === 0 ||
    data.length !== sizeOf(shape)
  ) {
    throw new RangeError(
      `Cannot use the ${name}: its shape is [${shape}] with ${data.length} elements, expected [1, ${channels}, height, width].`,
    );
  }
  if (!data.every(Number.isFinite)) {
    throw new RangeError(`Cannot use the ${name}: it holds NaN or infinity, expected finite numbers.`);
  }
}
