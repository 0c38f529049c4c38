import assert from "node:assert/strict";
import { UnsupportedModelError } from "../core/errors.ts";
import { neededFiles, sampleFiles } from "./_testing.ts";
import { planDownload } from "./mod.ts";

const sampleIndex = JSON.parse(new TextDecoder().decode(sampleFiles["model_index.json"]));
const index = { unet: ["diffusers", "UNet2DConditionModel"] };

Deno.test("planDownload takes configuration first, then plain safetensors", () => {
  assert.deepEqual(planDownload(Object.keys(sampleFiles), sampleIndex), neededFiles);
});

Deno.test("planDownload takes the variant, or the only one that there is", () => {
  const [plain, half, ema] = ["", ".fp16", ".non_ema"].map((v) =>
    `unet/diffusion_pytorch_model${v}.safetensors`
  );
  const all = ["model_index.json", "unet/config.json", plain!, half!, ema!];
  const weights = (paths: readonly string[], variant?: string) =>
    planDownload(paths, index, variant === undefined ? {} : { variant }).slice(2);
  assert.deepEqual(weights(all), [plain]);
  assert.deepEqual(weights(all, "fp16"), [half]);
  assert.deepEqual(weights(all.filter((path) => path !== plain && path !== ema)), [half]);
  assert.throws(
    () => weights(all, "bf16"),
    /"unet" has weights of these variants: "fp16", "non_ema", plain, expected "bf16"/,
  );
  assert.throws(() => weights(all.filter((path) => path !== plain)), /"fp16", "non_ema", expected plain/);
});

Deno.test("planDownload takes all shards with their index, or none", () => {
  for (
    const [shard, json] of [
      [
        "diffusion_pytorch_model-0000N-of-00002.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
      ],
      [
        "diffusion_pytorch_model.fp16-0000N-of-00002.safetensors",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
      ],
      [
        "diffusion_pytorch_model-0000N-of-00002.fp16.safetensors",
        "diffusion_pytorch_model.fp16.safetensors.index.json",
      ],
    ] as const
  ) {
    const shards = ["1", "2"].map((n) => `unet/${shard.replace("N", n)}`);
    const paths = ["model_index.json", "unet/config.json", `unet/${json}`, ...shards];
    assert.deepEqual(planDownload(paths, index), paths);
    assert.throws(() => planDownload(paths.slice(0, -1), index), /"unet" has 1 of 2 shards/);
  }
});

Deno.test("planDownload takes ONNX with its data where there are no safetensors", () => {
  const paths = ["model_index.json", "unet/config.json", "unet/model.onnx", "unet/model.onnx_data"];
  assert.deepEqual(planDownload(paths, index), paths);
  assert.deepEqual(
    planDownload([...paths, "unet/model.safetensors"], index).at(-1),
    "unet/model.safetensors",
  );
});

Deno.test("planDownload takes UNets beside the ordinary one", () => {
  const folders = ["unet", "unet_ufogen"];
  const paths = folders.flatMap((folder) => [`${folder}/config.json`, `${folder}/model.safetensors`]);
  assert.deepEqual(new Set(planDownload(paths, index)), new Set(["model_index.json", ...paths]));
});

Deno.test("planDownload takes a repository without an index as one component", () => {
  const lora = ["README.md", "picture.png", "pytorch_lora_weights.safetensors"];
  assert.deepEqual(planDownload(lora), ["pytorch_lora_weights.safetensors"]);
});

Deno.test("planDownload names what is missing", () => {
  const cases: [string[], Record<string, unknown> | undefined, RegExp][] = [
    [
      ["unet/config.json", "unet/diffusion_pytorch_model.bin"],
      index,
      /as a pickle \(diffusion_pytorch_model\.bin\)/,
    ],
    [["unet/config.json"], index, /"unet" has no weights, expected safetensors or ONNX/],
    [["vae/config.json"], index, /"unet" has no files/],
    [
      ["a.safetensors", "b.safetensors"],
      undefined,
      /the repository has weights of other names \(a\.safetensors\)/,
    ],
  ];
  for (const [paths, index, message] of cases) {
    assert.throws(() => planDownload(paths, index), (error: unknown) => {
      assert.ok(error instanceof UnsupportedModelError);
      assert.match(error.message, message);
      return true;
    });
  }
});
