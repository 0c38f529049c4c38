/** Configurations of strangers: every number is bounded, and each error names its field. */
import assert from "node:assert/strict";
import type { Json } from "../../core/json.ts";
import { readAutoencoderKLConfig } from "../../models/autoencoder_kl.ts";
import { readAutoencoderTinyConfig } from "../../models/autoencoder_tiny.ts";
import { readClipTextConfig } from "../../models/clip_text.ts";
import { readControlNetConfig } from "../../models/controlnet.ts";
import { readT2IAdapterConfig } from "../../models/t2i_adapter.ts";
import { readUnetConfig } from "../../models/unet_config.ts";
import { scheduleFrom } from "../../schedules/schedule_from.ts";
import { readScheduleConfig } from "../../schedules/scheduler_config.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";

const read = (name: string) =>
  Deno.readTextFileSync(new URL(`./configurations/${name}.json`, import.meta.url));
const json = (name: string): Json => JSON.parse(read(name));

const files: readonly (readonly [name: string, read: (config: Json) => unknown, message: RegExp])[] = [
  ["unet_layers_1e8", readUnetConfig, /"layers_per_block" is .*from 1 to 64/],
  ["unet_layers_negative", readUnetConfig, /"layers_per_block" is .*from 1 to 64/],
  ["unet_depth_1e9", readUnetConfig, /"transformer_layers_per_block" is .*from 0 to 64/],
  ["unet_groups_half", readUnetConfig, /"norm_num_groups" is 0.5, expected a whole number from 1/],
  [
    "text_layers_1e9",
    readClipTextConfig,
    /"num_hidden_layers" is 1000000000, expected a whole number from 1/,
  ],
  ["vae_scaling_zero", readAutoencoderKLConfig, /"scaling_factor" is 0, expected a number from 0.000001/],
  ["scheduler_train_1e15", readScheduleConfig, /num_train_timesteps is 1000000000000000, expected/],
];
for (const [name, reader, message] of files) {
  Deno.test(`${name}.json is refused by its field`, () => {
    assert.throws(() => reader(json(name)), { name: "RangeError", message });
  });
}

/** Sound ones, whose every number is made what it must not be. */
const sound: Readonly<Record<string, readonly [Json, (config: Json) => unknown]>> = {
  UNet: [{ ...json("unet_groups_half"), norm_num_groups: 4 }, readUnetConfig],
  "text encoder": [{ ...json("text_layers_1e9"), num_hidden_layers: 2 }, readClipTextConfig],
  VAE: [{ ...json("vae_scaling_zero"), scaling_factor: 1 }, readAutoencoderKLConfig],
  "tiny VAE": [
    { latent_channels: 4, num_encoder_blocks: [1], num_decoder_blocks: [1] },
    readAutoencoderTinyConfig,
  ],
  ControlNet: [
    { ...json("unet_groups_half"), norm_num_groups: 4, conditioning_channels: 3 },
    readControlNetConfig,
  ],
  "T2I-Adapter": [
    { channels: [8, 8], in_channels: 3, num_res_blocks: 1, downscale_factor: 8 },
    readT2IAdapterConfig,
  ],
  schedule: [
    { ...json("scheduler_train_1e15"), num_train_timesteps: 1000 },
    (config) => scheduleFrom(readScheduleConfig(config).schedule),
  ],
};
const wrong = [NaN, Infinity, -1e9, 1e18, 0.123456789, "8", {}, [[]], true, Array(1e5).fill(1)];
for (const [what, [config, reader]] of Object.entries(sound)) {
  Deno.test(`no number of a ${what}'s configuration is taken for what it is not`, () => {
    reader(config);
    let refused = 0;
    for (const [field, value] of Object.entries(config)) {
      if (typeof [value].flat()[0] !== "number") continue;
      for (const other of wrong) {
        try {
          reader({ ...config, [field]: other });
        } catch (error) {
          refused++;
          assert.match((error as Error).message, /^Cannot (read|make)/, `${field}: ${other}`);
        }
      }
    }
    assert.ok(refused > 10, `${refused} refused`);
  });
}

const tokenizers: Readonly<Record<string, RegExp>> = {
  tokenizer_added_null: /"added_tokens.0" of tokenizer.json is null/,
  tokenizer_added_object: /"added_tokens" of tokenizer.json is Object, expected Array/,
  tokenizer_bad_regex: /"pre_tokenizer.pattern.*is .*Unterminated group/,
  tokenizer_redos: /"pre_tokenizer.pattern.*repeats a repetition/,
  tokenizer_sequence_empty: /"normalizer.normalizers" of tokenizer.json is undefined/,
};
for (const [name, message] of Object.entries(tokenizers)) {
  Deno.test(`${name}.json is refused by its field`, () => {
    assert.throws(() => loadTokenizer({ "tokenizer.json": read(name) }), { name: "TypeError", message });
  });
}

const patterns: readonly (readonly [pattern: string, fault: RegExp | undefined])[] = [
  [String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, undefined],
  [String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`, undefined],
  [String.raw`(?i:'s|'t|'re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}`, undefined],
  ["(a|aa)+$", /repeats a repetition/],
  ["(a*)*b", /repeats a repetition/],
  ["a*a*a*a*b", /one thing after another/],
  ["a?a?a?a?a?a?aaaaaa", /one thing after another/],
  ["(a|b)(a|b)(a|b)(a|b)(a|b)c", /one thing after another/],
  [String.raw`(a+)\1`, /refers back/],
  ["((", /Unterminated group/],
  ["a".repeat(1001), /1001 characters/],
];
Deno.test("an expression is taken where its time can be bounded, and refused with its reason where not", () => {
  const base = JSON.parse(read("tokenizer_redos"));
  for (const [Regex, fault] of patterns) {
    const pre = { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
    const load = () => loadTokenizer({ "tokenizer.json": JSON.stringify({ ...base, pre_tokenizer: pre }) });
    if (fault === undefined) load();
    else assert.throws(load, { name: "TypeError", message: fault }, Regex);
  }
});

Deno.test("a tokenizer's ids are its tokens' own, its merges are of its vocabulary, its texts do not grow", () => {
  const base = { ...JSON.parse(read("tokenizer_redos")), pre_tokenizer: null };
  const { model } = base;
  const grow = { type: "Replace", pattern: { String: "a" }, content: "a".repeat(64) };
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ added_tokens: [{ id: 2, content: "c" }] }, /added token "c" has id 2/],
    [{ added_tokens: [{ id: 9, content: "a" }] }, /added token "a" has id 9/],
    [{ added_tokens: [{ id: 1e9, content: "c" }] }, /"added_tokens.0.id"/],
    [{ model: { ...model, merges: [["a", "b"]] } }, /"model.merges.0".*joined too/],
    [{ model: { ...model, merges: [null] } }, /"model.merges.0"/],
    [{ model: { ...model, merges: {} } }, /"model.merges"/],
    [{ model: { ...model, vocab: { ...model.vocab, c: 3 } } }, /one id to two tokens/],
    [{ model: { ...model, vocab: { ...model.vocab, c: -1 } } }, /id -1/],
    [{ model: { ...model, dropout: 0.5 } }, /"model.dropout"/],
    [{ normalizer: { type: "Sequence", normalizers: Array(8).fill(grow) } }, /lengthen a text/],
    [{ normalizer: { type: "Unknown" } }, /"normalizer.type"/],
  ];
  loadTokenizer({ "tokenizer.json": JSON.stringify(base) });
  for (const [change, message] of wrong) {
    const text = JSON.stringify({ ...base, ...change });
    assert.throws(() => loadTokenizer({ "tokenizer.json": text }), { name: "TypeError", message });
  }
});
