/**
 * What a picture's own file says that it was made from: ours, and those of other programs.
 *
 * @example A picture again
 * ```ts ignore
 * import { readPictureRequest } from "@mobile-diffusion/sdk/records";
 *
 * const { options, remarks } = await readPictureRequest(await Deno.readFile("house.png"));
 * for (const { text } of remarks) console.log(text); // what the options do not carry
 * const { images } = await pipeline.generate({ prompt: options.prompt, seed: options.seed });
 * ```
 *
 * @module
 */
export * from "./read_picture_request.ts";
export type { PictureRequest, Remark, RequestOptions } from "./request.ts";
