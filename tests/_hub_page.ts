/** The page of `hub_browser_test.ts`: makes a picture of a model that is a name on a hub. */
import { wasm } from "../backends/wasm.ts";
import { createPipeline } from "../mod.ts";

/** The pixels, as numbers; nothing is asked of the network where `offline` says so. */
async function picture(baseUrl: string, offline: boolean): Promise<number[]> {
  await using pipeline = await createPipeline({
    model: "o/n",
    backend: wasm({ worker: false, threads: 1, assets: "/runtime/" }),
    hub: { baseUrl, offline },
  });
  const { images } = await pipeline.generate({
    prompt: "a lake",
    seed: 7,
    steps: 2,
    sampler: "ddim",
    width: 64,
    height: 64,
  });
  return [...images[0]!.data];
}

Object.assign(globalThis, { picture });
