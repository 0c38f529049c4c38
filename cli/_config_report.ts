/** What a network will consist of, told by its `config.json` alone. */
import type { Json } from "../core/json.ts";
import { sizeOf } from "../core/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import {
  autoencoderKLDecoder,
  autoencoderKLEncoder,
  readAutoencoderKLConfig,
} from "../models/autoencoder_kl.ts";
import {
  autoencoderTinyDecoder,
  autoencoderTinyEncoder,
  readAutoencoderTinyConfig,
} from "../models/autoencoder_tiny.ts";
import { clipText, readClipTextConfig } from "../models/clip_text.ts";
import { controlNet, controlNetCondition, readControlNetConfig } from "../models/controlnet.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import type { ComponentReport } from "./_file_reports.ts";

/** The report of a network that is not there; `undefined` where it is of a kind that the SDK does not write. */
export function configReport(component: string, kind: string, config: Json): ComponentReport | undefined {
  const graphs = Object.hasOwn(writers, kind) ? writers[kind]!(config) : undefined;
  if (graphs === undefined) return undefined;
  const shapes = new Map(graphs.flatMap(({ weights }) => weights.map(({ key, stored }) => [key, stored])));
  const parameters = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  return { component, kind, dtypes: [], tensors: shapes.size, parameters, bytes: 0, bits: 0 };
}

/** The graphs of each kind of network, which together name all of its tensors. */
const writers: Readonly<Record<string, (config: Json) => readonly Graph[]>> = {
  UNet2DConditionModel: (config) => [unet(readUnetConfig(config))],
  AutoencoderKL(config) {
    const read = readAutoencoderKLConfig(config);
    return [autoencoderKLEncoder(read), autoencoderKLDecoder(read)];
  },
  AutoencoderTiny(config) {
    const read = readAutoencoderTinyConfig(config);
    return [autoencoderTinyEncoder(read), autoencoderTinyDecoder(read)];
  },
  CLIPTextModel: (config) => [clipText(readClipTextConfig(config))],
  CLIPTextModelWithProjection: (config) => [clipText(readClipTextConfig(config), { projection: true })],
  ControlNetModel(config) {
    const read = readControlNetConfig(config);
    return [controlNetCondition(read), controlNet(read)];
  },
};
