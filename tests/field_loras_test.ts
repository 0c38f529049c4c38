/**
 * LoRAs as people have them, on small4-tiny. Latents after two steps, by diffusers with W + alpha / rank · B · A put in
 * place of the weights, and PEFT's own loader (which agrees to 1.4e-5).
 */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { createPipeline } from "../mod.ts";

const root = new URL("./data/field/loras/", import.meta.url);
const model = new URL("./reference/pipelines/small4-tiny", import.meta.url).pathname;

async function difference(source: string, expected: string): Promise<number> {
  await using pipeline = await createPipeline({ model, backend: native() });
  await pipeline.setLoras([{ source: new URL(source, root).pathname }]);
  const { latents: { data } } = await pipeline.generate({
    prompt: "a red house",
    steps: 2,
    seed: 5,
    width: 64,
    height: 64,
  });
  const { data: wanted } = JSON.parse(await Deno.readTextFile(new URL(expected, root))) as { data: number[] };
  assert.equal(data.length, wanted.length);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i]!)), 0);
}

// Latents of a few units after ten network calls in float32.
const tolerance = 5e-4;

for (
  const [what, source, expected] of [
    [
      "PEFT's folder, whose alpha is in adapter_config.json",
      "peft_folder/adapter",
      "peft_folder/expected.json",
    ],
    [
      "PEFT's file in that folder",
      "peft_folder/adapter/adapter_model.safetensors",
      "peft_folder/expected.json",
    ],
    ["mixed ranks without alphas", "mixed_ranks/lora.safetensors", "mixed_ranks/expected.json"],
    ["alphas and factors of other types", "alpha_types/lora.safetensors", "alpha_types/expected.json"],
    ["ComfyUI's names", "comfyui_names/comfy.safetensors", "comfyui_names/expected.json"],
    [
      "lora_te1_ of the only text encoder",
      "comfyui_names/te1.safetensors",
      "comfyui_names/expected_te1.json",
    ],
  ] as const
) {
  Deno.test(`LoRA: ${what}`, async () => {
    const error = await difference(source, expected);
    assert.ok(error < tolerance, `differs by ${error}`);
  });
}

Deno.test("LoRA: the alpha beside PEFT's file is not ignored", async () => {
  assert.ok(await difference("peft_folder/adapter", "peft_folder/expected_if_alpha_ignored.json") > 1);
});
