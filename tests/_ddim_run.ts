/** A guided DDIM run in plain sight, for tests of parts: no pipeline between them and the reference. */
import { guide } from "../core/guidance.ts";
import { parameterise } from "../core/parameterisation.ts";
import { runSampler } from "../pipeline/run_sampler.ts";
import type { NoisePredictor, PreparedControl, TextEncoder, Unet } from "../core/parts.ts";
import type { Conditioning } from "../core/parts.ts";
import { createSchedule } from "../schedules/ddpm.ts";
import { concatRows, type Latent, sliceRows } from "../core/tensor.ts";
import { torchNoise } from "../noise/torch_noise.ts";
import { ddim } from "../samplers/ddim.ts";
import { encodeStates } from "./_states.ts";

/** What the reference's JSON calls its runs' arguments. */
export interface DdimArguments {
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly guidance_scale: number;
  readonly num_inference_steps: number;
  readonly height: number;
  readonly width: number;
  readonly seed: number;
}

/** What runs. */
export interface DdimParts {
  readonly textEncoder: TextEncoder;
  readonly unet: Unet;
  /** Binds a control to the prompts, of which the first is the negative one. */
  readonly control?: (conditioning: Conditioning) => Promise<PreparedControl>;
}

/** Runs with the scheduler that the reference's LoRA and control runs share; gives the latents after each step. */
export async function ddimRun(
  { textEncoder, unet, control }: DdimParts,
  given: DdimArguments,
): Promise<Latent[]> {
  const schedule = createSchedule({ setAlphaToOne: false, stepsOffset: 1 });
  const noise = torchNoise(given.seed);
  const encoder_hidden_states = await encodeStates(textEncoder, [given.negative_prompt, given.prompt]);
  const conditioning = { encoder_hidden_states };
  await using predictor: NoisePredictor = await unet.prepare(conditioning);
  await using prepared = await control?.(conditioning) ?? null;
  const start = { noise: noise.normal([1, 4, given.height / 8, given.width / 8]) };
  const latents: Latent[] = [];
  const steps = given.num_inference_steps;
  const run = runSampler(
    ddim({ steps }),
    async (latent, at) => {
      const both = concatRows([latent, latent]);
      const step = { latent: both, timestep: at.timestep, index: latents.length, steps };
      const raw = await predictor.predict(both, at.timestep, await prepared?.residuals(step));
      const guided = guide(sliceRows(raw, 0, 1), sliceRows(raw, 1, 2), { scale: given.guidance_scale });
      return parameterise(guided, latent, at, schedule.prediction);
    },
    start,
    { schedule, noise },
  );
  for await (const { latent } of run) latents.push(latent);
  return latents;
}
