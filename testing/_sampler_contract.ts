/** Checks of how a sampler behaves. */
import type { Denoiser } from "../core/sampler.ts";
import type { Latent } from "../core/tensor.ts";
import { firstStep } from "../pipeline/run_sampler.ts";
import { torchNoise } from "../noise/torch_noise.ts";
import type { SamplerSuiteOptions } from "./sampler.ts";
import { check, distance, exactDenoiser, last, startNoise, trace } from "./_sampler_world.ts";

type Suite = Required<SamplerSuiteOptions>;

const SIZE = 32;
const DATA = { mean: 0.8, deviation: 0.5 };
const denoise = exactDenoiser(DATA);

/** A rounding to float32 and back of a latent of this scale, a few times over. */
const ROUNDING = 1e-5;

/** The same result alone, again, and while another run of the same sampler is under way; another one for other noise. */
export async function determinism({ create, kind, steps }: Suite): Promise<void> {
  const sampler = create(steps);
  const run = (seed: number, start = startNoise(SIZE)) =>
    trace({ sampler, denoise, start: { noise: start }, noise: torchNoise(seed) }).then((it) =>
      last(it.steps).latent.data
    );
  const first = await run(3);
  const [again, beside] = await Promise.all([run(3), run(3)]);
  check(
    distance(first, again) === 0 && distance(first, beside) === 0,
    () => "Equal runs give different results.",
  );
  const other = await run(3, torchNoise(4).normal([1, SIZE]));
  check(
    kind === "distilled" || distance(first, other) > 0,
    () => "It does not use the noise that it starts from.",
  );
  if (kind === "sde") {
    check(distance(first, await run(5)) > 0, () => "It does not use its source of noise.");
  }
}

/** Steps are counted from 0, their number is right, and so is that of the evaluations; `steps` of the call counts. */
export async function evaluations({ create, evaluations: { perStep, extra }, steps }: Suite): Promise<void> {
  check(
    create(steps).steps === steps,
    () => `It was made for ${steps} steps and has ${create(steps).steps}.`,
  );
  const half = steps / 2;
  for (const asked of [undefined, half]) {
    const trail = await trace({
      sampler: create(steps),
      denoise,
      start: { noise: startNoise(SIZE) },
      noise: torchNoise(3),
      ...asked !== undefined && { steps: asked },
    });
    const n = asked ?? steps;
    const count = perStep * n + extra;
    check(
      trail.asked.length === count,
      () => `${n} steps ask ${trail.asked.length} times, expected ${count}.`,
    );
    trail.steps.forEach((step, i) => {
      check(
        step.index === i && step.steps === trail.steps.length,
        () => `Step ${i} of ${trail.steps.length} says that it is step ${step.index} of ${step.steps}.`,
      );
    });
    for (const { at: { timestep, alpha, sigma } } of trail.asked) {
      check(
        timestep >= 0 && timestep <= 999 && Math.abs(alpha ** 2 + sigma ** 2 - 1) < 1e-6,
        () =>
          `It asks at timestep ${timestep}, alpha ${alpha}, sigma ${sigma}, which is no level of the schedule.`,
      );
    }
  }
}

/** An aborted signal means no evaluation; one that fires during a step means no further one. */
export async function signals({ create, steps }: Suite): Promise<void> {
  for (const after of [0, 1]) {
    const controller = new AbortController();
    const reason = new Error("stop");
    let calls = 0;
    const counting: Denoiser = (latent, at) => {
      if (++calls === after) controller.abort(reason);
      return denoise(latent, at);
    };
    if (after === 0) controller.abort(reason);
    const outcome = await trace({
      sampler: create(steps),
      denoise: counting,
      start: { noise: startNoise(SIZE) },
      noise: torchNoise(3),
      signal: controller.signal,
    }).then(() => "finished", (error: unknown) => error);
    check(
      outcome === reason,
      () => `A run whose signal fired ended with ${outcome}, expected the signal's reason.`,
    );
    check(calls === after, () => `It asked ${calls} times though its signal fired at call ${after}.`);
  }
}

/** A latent handed back is what the next evaluation sees. */
export async function replacedLatents({ create, steps }: Suite): Promise<void> {
  const handed: Latent[] = [];
  const counts: number[] = [];
  let calls = 0;
  const trail = await trace({
    sampler: create(steps),
    denoise: (latent, at) => {
      calls++;
      return denoise(latent, at);
    },
    start: { noise: startNoise(SIZE) },
    noise: torchNoise(3),
    onStep: ({ latent }) => {
      const changed = {
        data: latent.data.map((value, i) => i % 2 === 0 ? value + 0.25 : value),
        shape: latent.shape,
      };
      handed.push(changed);
      counts.push(calls);
      return changed;
    },
  });
  handed.slice(0, -1).forEach((latent, i) => {
    const error = distance(trail.asked[counts[i]!]!.latent.data, latent.data);
    check(
      error < ROUNDING,
      () => `After step ${i} it was handed a latent, but asks about one that differs by ${error}.`,
    );
  });
}

/** The first evaluation sees the picture with the noise of its level, and the steps before it are left out. */
export async function startFromPicture(
  { create, evaluations: { perStep, extra }, steps }: Suite,
): Promise<void> {
  const strength = 0.5;
  const [noise, image] = [startNoise(SIZE), torchNoise(6).normal([1, SIZE])];
  const whole = await trace({ sampler: create(steps), denoise, start: { noise }, noise: torchNoise(3) });
  const part = await trace({
    sampler: create(steps),
    denoise,
    start: { noise, image, strength },
    noise: torchNoise(3),
  });
  const { latent, at } = part.asked[0]!;
  const expected = image.data.map((value, i) => at.alpha * value + at.sigma * noise.data[i]!);
  const error = distance(latent.data, expected);
  check(
    error < ROUNDING,
    () => `It begins with a latent that differs by ${error} from the picture with noise.`,
  );
  const expectedCalls = perStep * (steps - firstStep(steps, strength)) + extra;
  check(
    part.asked.length === expectedCalls && at.timestep < whole.asked[0]!.at.timestep,
    () => `With strength ${strength} it asks ${part.asked.length} times, expected ${expectedCalls}.`,
  );
}

/** Nothing that is handed in is written to: noise, picture, the network's outputs, the caller's latents. */
export async function inputs({ create, steps }: Suite): Promise<void> {
  const watched: { readonly data: Float32Array; readonly copy: Float32Array }[] = [];
  const watch = <T extends Latent>(tensor: T): T => {
    watched.push({ data: tensor.data, copy: tensor.data.slice() });
    return tensor;
  };
  await trace({
    sampler: create(steps),
    denoise: async (latent, at) => {
      const { raw, x0, epsilon } = await denoise(latent, at);
      return { raw: watch(raw), x0: watch(x0), epsilon: watch(epsilon) };
    },
    start: { noise: watch(startNoise(SIZE)), image: watch(torchNoise(6).normal([1, SIZE])), strength: 1 },
    noise: torchNoise(3),
    onStep: ({ latent }) => watch({ data: latent.data.slice(), shape: latent.shape }),
  });
  check(
    watched.every(({ data, copy }) => distance(data, copy) === 0),
    () => "It writes to a tensor that is not its own.",
  );
}
