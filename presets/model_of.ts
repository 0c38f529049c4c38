/**
 * A model of one's own parts.
 *
 * @module
 */
import { LazyPart } from "../core/lazy_part.ts";
import { BASE, type Model, type ModelUnet } from "../core/model.ts";
import type { TextEncoder, Unet, Vae, VaeTraits } from "../core/parts.ts";
import type { Schedule } from "../core/schedule.ts";
import { ddim } from "../samplers/ddim.ts";

/** Parts of one's own, and whatever else a model has. */
export interface OwnParts extends Partial<Omit<Model, "textEncoder" | "vae" | "schedule">> {
  /** Prompts to conditioning. */
  readonly textEncoder: TextEncoder | LazyPart<TextEncoder>;
  /** The network, or how it is called and the part that loads it; several kinds of weights are for `unets`. */
  readonly unet: Unet | ModelUnet;
  /** Latents to pictures, or its sizes and the part that loads it. */
  readonly vae: Vae | { readonly traits: VaeTraits; readonly part: LazyPart<Vae> };
  /** The noise schedule, for all sizes or by size. */
  readonly schedule: Schedule | Model["schedule"];
}

/**
 * Makes a model of parts. Those that are given as they are stay the caller's to dispose; a {@linkcode LazyPart} loads
 * its part when it is needed, and drops it again.
 *
 * Where nothing is said the model is called "own", samples with DDIM at guidance 7.5, and makes pictures of 512 pixels.
 *
 * @example
 * ```ts ignore
 * const model = modelOf({ textEncoder, unet, vae, schedule: createSchedule(), size: 256 });
 * await using pipeline = await createPipeline({ model });
 * ```
 */
export function modelOf({ textEncoder, unet, vae, schedule, ...others }: OwnParts): Model {
  const { latentChannels, scale } = vae.traits;
  const base = "part" in unet ? unet : { traits: unet.traits, part: lazy(unet) };
  return {
    name: "own",
    backend: "own",
    latentChannels,
    scale,
    size: 512,
    sampler: ddim(),
    guidanceScale: 7.5,
    ...others,
    textEncoder: textEncoder instanceof LazyPart ? textEncoder : lazy(textEncoder),
    unets: new Map([[BASE, base], ...others.unets ?? []]),
    vae: "part" in vae ? vae.part : lazy(vae),
    schedule: typeof schedule === "function" ? schedule : () => schedule,
  };
}

function lazy<T>(part: T): LazyPart<T> {
  return new LazyPart(() => Promise.resolve(part));
}
