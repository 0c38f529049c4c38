/** A model of ten lines of arithmetic, for tests of the pipeline. */
import { LazyPart } from "../core/lazy_part.ts";
import { BASE, type Model } from "../core/model.ts";
import type { TextEncoder, Unet, UnetTraits, Vae } from "../core/parts.ts";
import type { Sampler } from "../core/sampler.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import { sizeOf } from "../core/tensor.ts";

/** What happened to the parts, in order. */
export type Events = string[];

/** One step of plain x0 prediction, `steps` times. */
export const plainSampler: Sampler = {
  name: "plain",
  steps: 4,
  plan(schedule, steps) {
    const levels = Array.from({ length: steps }, (_, index) => schedule.at(999 - index));
    return { transitions: levels.map((from) => ({ from, to: from })), startScale: 1 };
  },
  async *sample(denoise, { latent, plan: { transitions }, first }, { signal }) {
    for (const { from } of transitions.slice(first)) {
      signal?.throwIfAborted();
      const { x0 } = await denoise(latent, from);
      latent = (yield { latent: x0, x0 }) ?? x0;
    }
  },
};

/** Options of {@linkcode testModel}. */
export interface TestModelOptions {
  readonly events?: Events;
  /** Runs inside every load, encoding, prediction and decoding, with its event. */
  readonly on?: (event: string) => void | Promise<void>;
  readonly traits?: UnetTraits;
  /** Whether it has a tiny autoencoder for previews. */
  readonly tiny?: boolean;
}

/** A model whose UNet predicts half of its latent plus the prompt's length. */
export function testModel({ events = [], on, traits = {}, tiny = false }: TestModelOptions = {}): Model {
  const happen = async (event: string) => {
    events.push(event);
    await on?.(event);
  };
  const part = <T extends object>(name: string, make: () => T) =>
    new LazyPart<T & AsyncDisposable>(async (owned) => {
      await happen(`load ${name}`);
      const disposed = { [Symbol.asyncDispose]: () => Promise.resolve(void events.push(`release ${name}`)) };
      owned.use(disposed);
      return { ...make(), ...disposed };
    });
  const vae = (name: string) =>
    part<Omit<Vae, typeof Symbol.asyncDispose>>(name, () => ({
      traits: { latentChannels: 4, scale: 8 },
      encode: ({ shape: [rows, , height, width] }, { samples = rows } = {}) => {
        const shape = [samples!, 4, height! / 8, width! / 8];
        return Promise.resolve({ data: new Float32Array(sizeOf(shape)), shape });
      },
      async decode({ data, shape: [rows, , height, width] }) {
        await happen(`decode by ${name}`);
        const shape = [rows!, 3, height! * 8, width! * 8];
        return { data: new Float32Array(sizeOf(shape)).fill(data[0]!), shape };
      },
    }));
  return {
    name: "test",
    backend: "none",
    schedule: () => createSchedule({ predictionType: "sample" }),
    sampler: plainSampler,
    guidanceScale: 2,
    size: 16,
    scale: 8,
    latentChannels: 4,
    textEncoder: part<Omit<TextEncoder, typeof Symbol.asyncDispose>>("textEncoder", () => ({
      async encode({ prompts, negativePrompts = prompts.map(() => ""), passes }) {
        const texts = passes.includes("unconditional") ? [...prompts, ...negativePrompts] : prompts;
        await happen(`encode ${texts.join("|")}`);
        return {
          passes: passes.map((name) => {
            const own = name === "unconditional" ? negativePrompts : prompts;
            const data = Float32Array.from(own, ({ length }) => length / 100);
            return { name, conditioning: { encoder_hidden_states: { data, shape: [own.length, 1, 1] } } };
          }),
        };
      },
    })),
    unets: new Map([[BASE, {
      traits,
      part: part<Omit<Unet, typeof Symbol.asyncDispose>>("unet", () => ({
        traits,
        prepare: ({ encoder_hidden_states: hidden }) =>
          Promise.resolve({
            async predict(latent) {
              await happen(`predict ${latent.shape[0]} rows`);
              const row = sizeOf(latent.shape.slice(1));
              return {
                data: latent.data.map((value, i) => value / 2 + hidden!.data[Math.floor(i / row)]!),
                shape: latent.shape,
              };
            },
            [Symbol.asyncDispose]: () => Promise.resolve(),
          }),
      })),
    }]]),
    vae: vae("vae"),
    ...tiny && { previewVae: vae("previewVae") },
  };
}
