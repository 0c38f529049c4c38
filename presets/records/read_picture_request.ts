/**
 * How a picture was made, from its own file, whoever wrote it.
 *
 * @module
 */
import { readPictureText } from "../../image/mod.ts";
import { a1111 } from "./a1111.ts";
import { comfyui } from "./comfyui.ts";
import { drawThings } from "./draw_things.ts";
import { invokeai } from "./invokeai.ts";
import { own } from "./own.ts";
import { fooocus, novelai } from "./refused.ts";
import { type Dialect, type PictureRequest, unreadable } from "./request.ts";
import { stableDiffusionCpp } from "./stable_diffusion_cpp.ts";
import { swarmui } from "./swarmui.ts";

/** Programs whose pictures are known, the ones with clearer marks first: A1111's takes whatever looks like it. */
const dialects: readonly Dialect[] = [
  own,
  stableDiffusionCpp,
  fooocus,
  swarmui,
  invokeai,
  novelai,
  drawThings,
  a1111,
  comfyui,
];

/**
 * Reads how a picture was made from the file of a program that keeps it there: our own, AUTOMATIC1111's web UI, Forge,
 * stable-diffusion.cpp; and, where the picture is a plain one, ComfyUI, InvokeAI, SwarmUI and Draw Things. Whatever the
 * options do not carry is a remark.
 *
 * @example
 * ```ts ignore
 * const { options: { sampler, samplerOptions, ...rest }, remarks } = await readPictureRequest(file);
 * const { images } = await pipeline.generate({ ...rest, sampler: createSampler(sampler!, samplerOptions) });
 * ```
 * @throws {TypeError} If it is no PNG, JPEG or WebP file, does not say how it was made, or says something that cannot
 * be made again.
 */
export async function readPictureRequest(file: Uint8Array): Promise<PictureRequest> {
  const texts = await readPictureText(file);
  const dialect = dialects.find((dialect) => dialect.recognises(texts));
  if (dialect !== undefined) return dialect.read(texts);
  const found = Object.keys(texts);
  const state = found.length === 0
    ? "it has no text"
    : `it has the texts ${JSON.stringify(found.join(", "))} alone`;
  throw unreadable(
    state,
    'the text of a program that is known, as "parameters" of pictures made here or by A1111',
  );
}
