// One seed, three samplers: deno run -A examples/swap_sampler.ts
import { createPipeline } from "@mobile-diffusion/sdk";
import { ddim, dpmpp2m, eulerAncestral } from "@mobile-diffusion/sdk/samplers";
import { writeFile } from "node:fs/promises";

await using pipeline = await createPipeline();
for (const sampler of [ddim({ steps: 30 }), dpmpp2m({ steps: 20 }), eulerAncestral({ steps: 20 })]) {
  const { images } = await pipeline.generate({ prompt: "two green trees at sunset", sampler, seed: 5 });
  await writeFile(`swap_sampler_${sampler.name}.png`, await images[0]!.encode("png"));
}
