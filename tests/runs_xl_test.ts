/** Whole runs of Stable Diffusion XL and its children, from prompt and seed alone: one of each kind, all with LONG=1. */
import { cpuBackends } from "./_networks.ts";
import { checkRun, referenceRuns } from "./_runs.ts";

const long = Deno.env.get("LONG") === "1";
const one =
  /^(sdxl_(euler|no_negative|prompt_2|odd_size|negative_sizes|clip_skip|two_images|turbo_1|v_zsnr|lcm_embedded|latents_mean_std)|ssd1b_euler|vega_lcm_4)$/;

for (const run of await referenceRuns(long ? /(?:)/ : one, "reference2")) {
  for (const backend of cpuBackends) {
    Deno.test(`${backend.name} makes the reference run ${run.name}`, () => checkRun(run, backend));
  }
}
