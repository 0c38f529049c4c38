/**
 * What only Apple's own framework can show. On macOS, all tests of this folder run against it:
 *
 *     deno test -A tests/coreml
 *
 * and with a folder of Apple's layout (a `Resources` folder, see CONTRIBUTING.md) this file makes a picture too:
 *
 *     COREML_RESOURCES=path/to/Resources deno test -A tests/coreml/real_test.ts
 *
 * Elsewhere these are skipped, even where `REQUIRE_ALL=1`: no package can bring Core ML to another system.
 */
import assert from "node:assert/strict";
import { coreml, type CoreMLOptions } from "../../backends/coreml.ts";
import type { Image } from "../../core/image.ts";
import { Pipeline } from "../../pipeline/pipeline.ts";
import { openModelFolder } from "../../presets/open_model.ts";
import { localFolder } from "../../weights/model_folder.ts";
import { ddim } from "../../samplers/ddim.ts";
import { TemporaryFolder } from "./_rig.ts";

function realTest(name: string, missing: string | false, body: () => Promise<void>): void {
  const reason = Deno.build.os !== "darwin" ? "needs macOS" : missing;
  Deno.test({
    name: `real: ${name}${reason ? ` (skipped: ${reason})` : ""}`,
    ignore: Boolean(reason),
    fn: body,
  });
}

const units: readonly NonNullable<CoreMLOptions["computeUnits"]>[] = [
  "cpuOnly",
  "cpuAndGPU",
  "cpuAndNeuralEngine",
  "all",
];
const decoder = new URL("./models/VAEDecoder.mlpackage", import.meta.url).pathname;
const z = { data: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)), shape: [1, 4, 8, 8] };

for (const computeUnits of units) {
  realTest(`a model runs on ${computeUnits}, and memory does not grow`, false, async () => {
    await using cache = new TemporaryFolder();
    await using runner = await coreml({ computeUnits, cacheFolder: cache.path }).load({
      kind: "coreml",
      path: decoder,
    });
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) await runner.run({ z });
      return Deno.memoryUsage().rss / 2 ** 20;
    };
    const before = await run(1000);
    const grown = await run(5000) - before;
    // 5,000 leaked pictures of 64 × 64 would be 234 MiB; garbage that waits for its collection comes and goes
    assert(grown < 120, `memory grew by ${grown.toFixed(0)} MiB`);
  });
}

const resources = Deno.env.get("COREML_RESOURCES");

realTest(
  "a model of Apple's layout makes a picture",
  resources === undefined && "COREML_RESOURCES is not set",
  async () => {
    const computeUnits = units.find((unit) => unit === Deno.env.get("COREML_UNITS")) ?? "cpuAndGPU";
    const model = await openModelFolder(await localFolder(resources!), { backend: coreml({ computeUnits }) });
    await using pipeline = new Pipeline(model);
    const options = {
      prompt: "a photo of an astronaut riding a horse on mars",
      sampler: ddim({ steps: 10 }),
      seed: 93,
    };
    const { images: [first], milliseconds } = await pipeline.generate(options);
    const { images: [second] } = await pipeline.generate(options);
    assert.deepEqual(second!.data, first!.data, "the same seed gives the same picture");
    assert(contrast(first!) > 20, "and it is no single colour");
    assert(milliseconds.total > 0);
  },
);

/** Standard deviation of all channels, 0 … 127. */
function contrast({ data }: Image): number {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  return Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
}
