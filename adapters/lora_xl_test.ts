/** The UNet's half of LoRAs for Stable Diffusion XL, in five spellings, merged and hot. */
import assert from "node:assert/strict";
import type { Runner } from "../backends/backend.ts";
import { addedFeatures } from "../models/added_features.ts";
import { sinusoids } from "../models/sinusoids.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { readFixture, readJson } from "../tests/_fixtures.ts";
import { assertClose, cpuBackends, testPath } from "../tests/_networks.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import { type ActiveLora, hotLoraInputs, loraModules, mergeLora, readLora, withLoraPorts } from "./mod.ts";

interface Cases {
  readonly timestep: number;
  readonly cases: readonly {
    readonly tag: string;
    readonly files: readonly { readonly file: string; readonly scale: number }[];
  }[];
}

const root = "./reference2/";
const { timestep, cases } = await readJson<Cases>("../reference2/lora/cases.json");
const expected = await readFixture("../reference2/lora/expected.safetensors");
const config = readUnetConfig(await readJson("../reference2/pipelines/sdxl-tiny/unet/config.json"));
const modules = { unet: loraModules(unet(config)) };

for (const backend of cpuBackends) {
  Deno.test(`${backend.name}: LoRAs of Stable Diffusion XL's UNet, merged`, async (t) => {
    for (const { tag, files } of [{ tag: "none", files: [] }, ...cases]) {
      await t.step(tag, async () => {
        await using weights = mergeLora(await openUnet(), "unet", await open(files));
        await using network = await backend.load({ kind: "graph", graph: unet(config), weights });
        assertClose(await run(network), expected.float32(`${tag}.unet_out`));
      });
    }
  });

  Deno.test(`${backend.name}: LoRAs of Stable Diffusion XL's UNet, hot, in one loaded model`, async () => {
    const graph = withLoraPorts(unet(config), { modules: "all", rank: 8 });
    await using weights = await openUnet();
    await using network = await backend.load({ kind: "graph", graph, weights });
    for (const { tag, files } of [{ tag: "none", files: [] }, ...cases]) {
      const inputs = hotLoraInputs(network.inputs, "unet", await open(files));
      assertClose(await run(network, inputs), expected.float32(`${tag}.unet_out`));
    }
  });
}

/** Reads files; what is left of them is the text encoders' and nothing else. */
async function open(files: Cases["cases"][number]["files"]): Promise<ActiveLora[]> {
  const loras: ActiveLora[] = [];
  for (const { file, scale } of files) {
    await using weights = await openSafetensors(testPath(root + file));
    const lora = await readLora(weights, modules, { strict: false });
    assert.deepEqual(lora.unmatched.filter((key) => !/^(lora_te[12]_|text_encoder(_2)?\.)/.test(key)), []);
    loras.push({ lora, scale });
  }
  return loras;
}

function openUnet() {
  return openSafetensors(testPath(`${root}pipelines/sdxl-tiny/unet/diffusion_pytorch_model.safetensors`));
}

async function run(network: Runner, ports: Parameters<Runner["run"]>[0] = {}) {
  const ids = [0, 1].map((row) => expected.numbers("input.time_ids").slice(6 * row, 6 * row + 6));
  const { out_sample } = await network.run({
    sample: expected.float32("input.sample"),
    encoder_hidden_states: expected.float32("input.encoder_hidden_states"),
    time_features: sinusoids([timestep, timestep], { ...config, features: config.timeFeatures }),
    added_features: addedFeatures(config, { pooled: expected.float32("input.text_embeds"), ids }),
    ...ports,
  });
  return out_sample as ReturnType<typeof expected.float32>;
}
