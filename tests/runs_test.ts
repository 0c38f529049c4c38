import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { checkRun, referenceRuns } from "./_runs.ts";

const spine = /^sd15_(ddim|two_images|batch|guidance_rescale|odd_size|long_prompt)/;
for (const run of await referenceRuns(/^/)) {
  for (const backend of spine.test(run.name) ? [native(), wasm()] : [native()]) {
    Deno.test(`${backend.name} makes the reference run ${run.name}`, () => checkRun(run, backend));
  }
}
