import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { localFolder, type ModelFolder } from "../weights/model_folder.ts";
import { type DdimArguments, ddimRun } from "../tests/_ddim_run.ts";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { type ActiveLora, loraModules, type LoraTarget, mergeLora, readLora } from "./mod.ts";

interface Cases {
  readonly pipeline_arguments: DdimArguments;
  readonly cases: readonly {
    readonly tag: string;
    readonly files: readonly { readonly file: string; readonly scale: number }[];
  }[];
}

const base = "pipelines/small4-tiny";
const modules = {
  unet: loraModules(unet(readUnetConfig(await readJson(`${base}/unet/config.json`)))),
  textEncoder: loraModules(clipText(readClipTextConfig(await readJson(`${base}/text_encoder/config.json`)))),
};
const targets: Readonly<Record<string, LoraTarget>> = { unet: "unet", text_encoder: "textEncoder" };

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  Deno.test(`${backend.name}: whole runs with merged LoRAs give the reference's latents`, async (t) => {
    const { pipeline_arguments: given, cases } = await readJson<Cases>("lora/cases.json");
    const expected = await readFixture("lora/expected.safetensors");
    const folder = await localFolder(path(base));
    for (const { tag, files } of [{ tag: "none", files: [] }, ...cases]) {
      await t.step(tag, async () => {
        const model = await openModelFolder(merged(folder, await open(files)), { backend });
        await using textEncoder = model.textEncoder;
        await using network = model.unets.get("base")!.part;
        const latents = await ddimRun(
          { textEncoder: await textEncoder.get(), unet: await network.get() },
          given,
        );
        const { data } = expected.float32(`${tag}.latents`);
        const difference = maxAbsDifference(latents.at(-1)!.data, data);
        // Relative to the largest latent, which is 14 to 23: runs of this kind move by up to 7e-4 when their start
        // moves by 1e-5.
        const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        assert.ok(difference <= 1e-4 * largest, `${difference} off, largest ${largest}`);
      });
    }
  });
}

/** The same model with LoRAs merged. */
function merged(folder: ModelFolder, loras: readonly ActiveLora[]): ModelFolder {
  return {
    ...folder,
    async weights(component, options) {
      const weights = await folder.weights(component, options);
      return component in targets ? mergeLora(weights, targets[component]!, loras) : weights;
    },
  };
}

async function open(files: Cases["cases"][number]["files"]): Promise<ActiveLora[]> {
  const loras: ActiveLora[] = [];
  for (const { file, scale } of files) {
    await using weights = await openSafetensors(path(file));
    loras.push({ lora: await readLora(weights, modules), scale });
  }
  return loras;
}

function path(name: string): string {
  return new URL(`../tests/reference/${name}`, import.meta.url).pathname;
}
