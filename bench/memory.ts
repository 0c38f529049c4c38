/**
 * Peak memory of one picture with all parts kept (`keep: "all"`) and with one part at a time (`keep: "phase"`). Each
 * runs in a process of its own, on a model of random weights: text encoder 57 M, UNet 92 M, VAE decoder 28 M
 * parameters, float32.
 *
 * ```sh
 * deno task bench memory
 * ```
 *
 * Linux only: the peak is `VmHWM`, what the process had resident at most, files that it has mapped included.
 */
import type { Json } from "../core/json.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { sizeOf } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { autoencoderKLDecoder, readAutoencoderKLConfig } from "../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { createPipeline } from "../presets/create_pipeline.ts";
import { writeSafetensors } from "../weights/write_safetensors.ts";
import { randomWeights } from "./_sd15.ts";

const backends = { native, wasm } as const;
const tiny = new URL("../tests/reference/pipelines/sd15-tiny/", import.meta.url);

/** What differs from the smallest model of the reference, and the graph that names the weights. */
const components: Readonly<Record<string, readonly [changed: Json, graph: (config: Json) => Graph]>> = {
  text_encoder: [
    { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 8, num_attention_heads: 12 },
    (config) => clipText(readClipTextConfig(config)),
  ],
  unet: [
    {
      block_out_channels: [128, 256, 384, 384],
      cross_attention_dim: 768,
      attention_head_dim: 8,
      norm_num_groups: 32,
    },
    (config) => unet(readUnetConfig(config)),
  ],
  vae: [
    { block_out_channels: [96, 192, 384, 384], norm_num_groups: 32 },
    (config) => autoencoderKLDecoder(readAutoencoderKLConfig(config)),
  ],
};

const [folder, backend, keep] = Deno.args;
if (folder === undefined) await compare();
else await measure(folder, backend as keyof typeof backends, keep as "all" | "phase");

/** Makes the model, measures each mode, prints the ratios. */
async function compare(): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    console.log(await writeModel(folder));
    for (const name of Object.keys(backends)) {
      const [all, phase] = [await peak(folder, name, "all"), await peak(folder, name, "phase")];
      const ratio = (phase / all).toFixed(2);
      console.log(`${name}: all ${all.toFixed(0)} MiB, phase ${phase.toFixed(0)} MiB, ratio ${ratio}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeModel(folder: string): Promise<string> {
  const sizes: string[] = [];
  const copy = async (path: string) =>
    await Deno.writeFile(`${folder}/${path}`, await Deno.readFile(new URL(path, tiny)));
  for (const part of [...Object.keys(components), "scheduler", "tokenizer"]) {
    await Deno.mkdir(`${folder}/${part}`);
  }
  for (const file of ["model_index.json", "scheduler/scheduler_config.json"]) await copy(file);
  for (const { name } of Deno.readDirSync(new URL("tokenizer", tiny))) await copy(`tokenizer/${name}`);
  for (const [part, [changed, write]] of Object.entries(components)) {
    const config = {
      ...JSON.parse(await Deno.readTextFile(new URL(`${part}/config.json`, tiny))),
      ...changed,
    };
    await Deno.writeTextFile(`${folder}/${part}/config.json`, JSON.stringify(config));
    const graph = write(config);
    await writeSafetensors(`${folder}/${part}/model.safetensors`, randomWeights(graph));
    const parameters = graph.weights.reduce((sum, { stored }) => sum + sizeOf(stored), 0);
    sizes.push(`${part} ${(parameters / 1e6).toFixed(0)} M`);
  }
  return `${sizes.join(", ")} parameters, float32`;
}

async function peak(folder: string, backend: string, keep: "all" | "phase"): Promise<number> {
  const args = ["run", "-A", import.meta.filename!, folder, backend, keep];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error(`The measurement of "${keep}" on ${backend} failed.`);
  return Number(new TextDecoder().decode(stdout)) / 1024;
}

/** In the other process: one picture, then the peak in KiB. */
async function measure(model: string, name: keyof typeof backends, keep: "all" | "phase"): Promise<void> {
  await using pipeline = await createPipeline({ model, backend: backends[name](), keep });
  await pipeline.generate({ prompt: "a lake", seed: 1, steps: 2, width: 128, height: 128 });
  const status = await Deno.readTextFile("/proc/self/status");
  console.log(status.match(/VmHWM:\s+(\d+)/)![1]);
}
