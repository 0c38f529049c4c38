/** Kinds of input: what is mutated, and what reads it. */
import { filled, modules, query } from "../../../adapters/_test_lora.ts";
import { readLora } from "../../../adapters/read_lora.ts";
import { native } from "../../../backends/native.ts";
import type { Json } from "../../../core/json.ts";
import { encodeModel, type NodeProto, onnxTypes } from "../../../graph/onnx_proto.ts";
import { decodeImage, encodeImage } from "../../../image/mod.ts";
import { autoencoderKLDecoder, readAutoencoderKLConfig } from "../../../models/autoencoder_kl.ts";
import { clipText, readClipTextConfig } from "../../../models/clip_text.ts";
import { unet } from "../../../models/unet.ts";
import { readUnetConfig } from "../../../models/unet_config.ts";
import { readTextualInversion } from "../../../parts/textual_inversion.ts";
import { readPictureRequest } from "../../../presets/records/read_picture_request.ts";
import { readScheduleConfig } from "../../../schedules/scheduler_config.ts";
import { scheduleFrom } from "../../../schedules/schedule_from.ts";
import { loadTokenizer } from "../../../tokenizer/load_tokenizer.ts";
import { extraNetworks, promptParts } from "../../../tokenizer/prompt_parts.ts";
import { promptSteps } from "../../../tokenizer/prompt_schedule.ts";
import { parsePromptWeights } from "../../../tokenizer/prompt_weights.ts";
import { memoryWeights } from "../../../weights/memory.ts";
import { openSafetensors } from "../../../weights/safetensors.ts";
import { encodeSafetensors } from "../../../weights/write_safetensors.ts";
import {
  type Below,
  mutateBytes,
  mutateHeader,
  mutateJson,
  pick,
  strangeText,
  withChecksums,
} from "./mutate.ts";

/** A kind. */
export interface Kind {
  /** Its share of the whole, in parts of the sum. */
  readonly share: number;
  /** Whether a fault of the native runtime may end the process. */
  readonly native?: true;
  /** Makes the seeds once, and gives what makes and reads one input. */
  prepare(): Promise<(below: Below) => Promise<unknown>>;
}

const file = (name: string) =>
  Deno.readTextFileSync(new URL(`../configurations/${name}.json`, import.meta.url));
const json = (name: string, sound: Json): Json => ({ ...JSON.parse(file(name)), ...sound });
const picture = {
  width: 16,
  height: 12,
  data: Uint8Array.from({ length: 576 }, (_, i) => i * 37 % 256),
};

async function readAll(bytes: Uint8Array): Promise<void> {
  await using weights = await openSafetensors(bytes);
  for (const name of weights.names()) await weights.read(name);
}

/** Bytes of a picture of a format, decoded. */
function pictures(format: "png" | "jpeg" | "webp", share: number): Kind {
  return {
    share,
    async prepare() {
      const seed = await encodeImage(picture, format);
      return async (below) => {
        const made = mutateBytes(seed, below);
        return await decodeImage(format === "png" && below(4) > 0 ? withChecksums(made) : made);
      };
    },
  };
}

/** A configuration, read and used. */
function configuration(share: number, seed: Json, use: (config: Json) => unknown): Kind {
  return {
    share,
    prepare: () =>
      Promise.resolve((below: Below) => {
        const config = mutateJson(seed, below);
        const isObject = typeof config === "object" && config !== null && !Array.isArray(config);
        return Promise.resolve(isObject ? use(config as Json) : undefined); // others are refused by the folder's reader
      }),
  };
}

const stem = "lora_unet_" + query.replaceAll(".", "_");
const loras: readonly Parameters<typeof memoryWeights>[0][] = [
  { [`${stem}.lora_down.weight`]: filled([2, 8]), [`${stem}.lora_up.weight`]: filled([8, 2]) },
  {
    [`${stem}.hada_w1_a`]: filled([8, 2]),
    [`${stem}.hada_w1_b`]: filled([2, 8]),
    [`${stem}.hada_w2_a`]: filled([8, 2]),
    [`${stem}.hada_w2_b`]: filled([2, 8]),
    [`${stem}.alpha`]: filled([1]),
  },
  { [`${stem}.lokr_w1`]: filled([2, 2]), [`${stem}.lokr_w2`]: filled([4, 4]) },
  {
    [`${stem}.lora_down.weight`]: filled([2, 8]),
    [`${stem}.lora_up.weight`]: filled([8, 2]),
    [`${stem}.dora_scale`]: filled([8, 1]),
  },
];

const syntax = [
  "(",
  ")",
  "[",
  "]",
  ":",
  "|",
  "\\",
  "1",
  ".5",
  " ",
  "a",
  " AND ",
  " BREAK ",
  "<lora:",
  ">",
  "-",
  "\n",
];

/** A small graph, whose nodes are changed before its bytes are. */
function graph(below: Below): Uint8Array {
  const shape = { dim: [{ dimValue: 1 }, { dimValue: 2 }, { dimValue: 4 }, { dimValue: 4 }] };
  const value = (name: string) => ({ name, type: { tensorType: { elemType: onnxTypes.float32, shape } } });
  const node = (): NodeProto => ({
    opType: pick(below, [
      "Neg",
      "Softmax",
      "Transpose",
      "Relu",
      "Sigmoid",
      "Add",
      "Mul",
      "Slice",
      "Pad",
      "Resize",
      "Loop",
    ]),
    input: Array.from({ length: 1 + below(3) }, () => pick(below, ["x", "a", "b", "sizes", ""])),
    output: [pick(below, ["a", "b", "y"])],
  });
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    graph: {
      name: "g",
      node: Array.from({ length: 1 + below(4) }, node),
      initializer: [{
        name: "sizes",
        dims: [4],
        dataType: pick(below, [onnxTypes.float32, onnxTypes.int64]),
        rawData: Uint8Array.from({ length: pick(below, [16, 32]) }, () => below(3)),
      }],
      input: [value("x")],
      output: [value("y")],
    },
  });
}

/** All kinds, by their names. */
export const kinds: Readonly<Record<string, Kind>> = {
  safetensors: {
    share: 30,
    async prepare() {
      const seed = await encodeSafetensors(memoryWeights({ a: filled([2, 3]), b: filled([4]) }));
      return async (below) =>
        await readAll(below(2) === 0 ? mutateBytes(seed, below) : mutateHeader(seed, below));
    },
  },
  lora: {
    share: 12,
    async prepare() {
      const seeds = await Promise.all(loras.map((tensors) => encodeSafetensors(memoryWeights(tensors))));
      return async (below) => {
        const seed = pick(below, seeds);
        const made = below(2) === 0 ? mutateBytes(seed, below) : mutateHeader(seed, below);
        await using opened = await openSafetensors(made);
        return await readLora(opened, modules);
      };
    },
  },
  embedding: {
    share: 6,
    async prepare() {
      const seed = await encodeSafetensors(memoryWeights({ emb_params: filled([2, 8]) }));
      return async (below) => {
        const made = below(2) === 0 ? mutateBytes(seed, below) : mutateHeader(seed, below);
        return await readTextualInversion(made, { token: "<a>" });
      };
    },
  },
  png: pictures("png", 12),
  jpeg: pictures("jpeg", 1),
  webp: pictures("webp", 1),
  record: {
    share: 10,
    async prepare() {
      const text =
        "a house\nNegative prompt: fog\nSteps: 3, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 64x64, " +
        "Clip skip: 2, Denoising strength: 0.5, Model: mini, Version: v1.9";
      const comfy =
        '{"3":{"class_type":"KSampler","inputs":{"seed":1,"steps":2,"cfg":7,"sampler_name":"euler"}}}';
      const seeds = await Promise.all([
        encodeImage(picture, "png", { text: { parameters: text } }),
        encodeImage(picture, "png", { text: { prompt: comfy } }),
      ]);
      return async (below) => {
        const made = mutateBytes(pick(below, seeds), below);
        return await readPictureRequest(below(4) > 0 ? withChecksums(made) : made);
      };
    },
  },
  unet: configuration(
    4,
    json("unet_groups_half", { norm_num_groups: 4 }),
    (config) => unet(readUnetConfig(config)),
  ),
  text_encoder: configuration(
    5,
    json("text_layers_1e9", { num_hidden_layers: 2 }),
    (config) => clipText(readClipTextConfig(config)),
  ),
  vae: configuration(
    4,
    json("vae_scaling_zero", { scaling_factor: 1 }),
    (config) => autoencoderKLDecoder(readAutoencoderKLConfig(config)),
  ),
  scheduler: configuration(
    5,
    json("scheduler_train_1e15", { num_train_timesteps: 1000 }),
    (config) => scheduleFrom(readScheduleConfig(config).schedule),
  ),
  tokenizer: {
    share: 10,
    prepare() {
      const seed = {
        ...JSON.parse(file("tokenizer_redos")),
        normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Lowercase" }] },
        pre_tokenizer: {
          type: "Split",
          pattern: { Regex: "[a-z]+|\\s+" },
          behavior: "Isolated",
          invert: false,
        },
        added_tokens: [{ id: 4, content: "<new>" }],
      };
      return Promise.resolve((below) => {
        const tokenizer = loadTokenizer({ "tokenizer.json": JSON.stringify(mutateJson(seed, below)) });
        return Promise.resolve(tokenizer.tokenize(`${"a".repeat(30)}! <new> b`));
      });
    },
  },
  prompt: {
    share: 20,
    prepare: () =>
      Promise.resolve((below) => {
        const text = strangeText(syntax, below(20) === 0 ? 2000 : 40, below);
        for (const { text: part } of promptParts(extraNetworks(text).prompt)) {
          for (const one of new Set(promptSteps(part, 3))) parsePromptWeights(one);
        }
        return Promise.resolve();
      }),
  },
  onnx_native: {
    share: 2,
    native: true,
    prepare() {
      const backend = native({ threads: 1 });
      return Promise.resolve(async (below) => {
        const made = graph(below);
        const model = below(2) === 0 ? made : mutateBytes(made, below);
        await using runner = await backend.load({ kind: "onnx", model: Uint8Array.from(model) });
        const x = { data: new Float32Array(32), shape: [1, 2, 4, 4] };
        return await runner.run({ x });
      });
    },
  },
};
