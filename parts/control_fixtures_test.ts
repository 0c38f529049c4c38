import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { ControlOptions } from "../core/parts.ts";
import type { DeviceTensor, Tensor } from "../core/tensor.ts";
import { addedFeatures } from "../models/added_features.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { type DdimArguments, ddimRun } from "../tests/_ddim_run.ts";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { openControl } from "./control.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { localFolder } from "../weights/model_folder.ts";
import { openWeights } from "../weights/open_weights.ts";
import { graphUnet } from "./unet.ts";

interface Case {
  readonly index: number;
  readonly timestep: number;
  readonly scale: number;
  readonly guess?: boolean;
}

interface XlCase extends Case {
  readonly time_ids: readonly (readonly number[])[];
}

const base = "pipelines/small4-tiny";
const architecture = readUnetConfig(await readJson(`${base}/unet/config.json`));

// A single network call in float32.
const tolerance = 1e-4;

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  for (const name of ["controlnet", "t2i_adapter_full", "t2i_adapter_light"]) {
    Deno.test(`${backend.name}: ${name} gives the reference's residuals and predictions`, async () => {
      const model = await openModelFolder(await localFolder(path(base)), { backend });
      await using part = model.unets.get("base")!.part;
      const unet = await part.get();
      const folder = await localFolder(path(`models/${name}`));
      await using control = await openControl(folder, { backend, unet: architecture });
      const io = await readFixture(`models/${name}/io.safetensors`);
      const { cases } = await readJson<{ cases: Case[] }>(`models/${name}/cases.json`);
      for (const { index, timestep, scale, guess: guessMode = false } of cases) {
        const at = (key: string): Tensor => io.float32(`case${index}.${key}`);
        await using predictor = await unet.prepare({ encoder_hidden_states: at("encoder_hidden_states") });
        const pixels = at(name === "controlnet" ? "controlnet_cond" : "cond");
        const options: ControlOptions = { scale, guessMode };
        await using prepared = await control.prepare(
          pixels,
          { encoder_hidden_states: at("encoder_hidden_states") },
          options,
        );
        const latent = at("sample");
        const residuals = (await prepared.residuals({ latent, timestep, index: 0, steps: 1 }))!;
        let compared = 0;
        for (const [key, { data }] of io) {
          const [, place, number] = key.match(`^case${index}\\.(down|feature|mid)\\.?(\\d*)$`) ?? [];
          if (place === undefined) continue;
          const [name, factor] = place === "feature"
            ? [residuals[`down.${number}`] ? `down.${number}` : "mid", scale]
            : [place === "mid" ? "mid" : `skip.${Number(number)}`, 1];
          const expected = Float32Array.from(data as Float32Array, (value) => factor * value);
          assertClose(await (residuals[name] as DeviceTensor).read(), expected, key);
          compared++;
        }
        assert.equal(compared, Object.keys(residuals).length);
        assertClose(
          await predictor.predict(latent, timestep),
          at("unet_out_without").data,
          "unet_out_without",
        );
        assertClose(await predictor.predict(latent, timestep, residuals), at("unet_out").data, "unet_out");
      }
    });
  }
}

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  Deno.test(`${backend.name}: controlnet_sdxl gives the reference's residuals and predictions`, async () => {
    const folder = "../reference2/models/controlnet_sdxl";
    const { unet_weights, cases } = await readJson<{ unet_weights: string; cases: XlCase[] }>(
      `${folder}/cases.json`,
    );
    const io = await readFixture(`${folder}/io.safetensors`);
    const architecture = readUnetConfig(await readJson(`../reference2/${unet_weights}/config.json`));
    await using weights = await openWeights(path(`../reference2/${unet_weights}`));
    await using network = graphUnet({
      architecture,
      load: (graph) => backend.load({ kind: "graph", graph, weights }),
    });
    await using control = await openControl(await localFolder(path(folder)), { backend, unet: architecture });
    for (const { index, timestep, scale, guess: guessMode = false, time_ids: ids } of cases) {
      const at = (key: string): Tensor => io.float32(`case${index}.${key}`);
      const conditioning = {
        encoder_hidden_states: at("encoder_hidden_states"),
        added_features: addedFeatures(architecture, { pooled: at("text_embeds"), ids }),
      };
      await using predictor = await network.prepare(conditioning);
      await using prepared = await control.prepare(at("controlnet_cond"), conditioning, { scale, guessMode });
      const latent = at("sample");
      const residuals = (await prepared.residuals({ latent, timestep, index: 0, steps: 1 }))!;
      const names = Object.keys(residuals);
      assert.equal(names.length, 10);
      for (const name of names) {
        const key = name === "mid" ? name : `down.${name.replace("skip.", "").padStart(2, "0")}`;
        assertClose(await (residuals[name] as DeviceTensor).read(), at(key).data as Float32Array, key);
      }
      assertClose(await predictor.predict(latent, timestep), at("unet_out_without").data, "unet_out_without");
      assertClose(await predictor.predict(latent, timestep, residuals), at("unet_out").data, "unet_out");
    }
    const encoder_hidden_states = io.float32("case0.encoder_hidden_states");
    await assert.rejects(
      control.prepare(io.float32("case0.controlnet_cond"), { encoder_hidden_states }),
      /TypeError.*the ControlNet.*expected "added_features"/,
    );
  });
}

Deno.test("a ControlNet of Stable Diffusion XL is refused by a UNet that is told neither sizes nor a second text", async () => {
  const { added: _, ...plain } = readUnetConfig(
    await readJson("../reference2/pipelines/sdxl-tiny/unet/config.json"),
  );
  const folder = await localFolder(path("../reference2/models/controlnet_sdxl"));
  await assert.rejects(openControl(folder, { backend: native(), unet: plain }), {
    name: "UnsupportedModelError",
    message: /width of the added embedding is 60, the UNet's is 0/,
  });
});

interface Run {
  readonly name: string;
  readonly file: string;
  readonly seed: number;
  readonly arguments: DdimArguments & {
    readonly controlnet_conditioning_scale?: number;
    readonly adapter_conditioning_scale?: number;
    readonly control_guidance_start?: number;
    readonly control_guidance_end?: number;
  };
  readonly "sensitivity_to_1e-5_relative_change_of_start_latents": {
    readonly latents_max_abs_change: number;
  };
}

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  for (
    const [name, folder] of [
      ["controlnet_ddim", "controlnet"],
      ["controlnet_window", "controlnet"],
      ["t2i_adapter_ddim", "t2i_adapter_full"],
    ] as const
  ) {
    Deno.test(`${backend.name}: ${name} gives the reference's latents after every step`, async () => {
      const { runs } = await readJson<{ runs: Run[] }>("runs/runs.json");
      const { arguments: given, seed, file, ...run } = runs.find((run) => run.name === name)!;
      const model = await openModelFolder(await localFolder(path(base)), { backend });
      await using textEncoder = model.textEncoder;
      await using unet = model.unets.get("base")!.part;
      await using control = await openControl(await localFolder(path(`models/${folder}`)), { backend });
      const options: ControlOptions = {
        scale: given.controlnet_conditioning_scale ?? given.adapter_conditioning_scale ?? 1,
        window: [given.control_guidance_start ?? 0, given.control_guidance_end ?? 1],
      };
      const latents = await ddimRun({
        textEncoder: await textEncoder.get(),
        unet: await unet.get(),
        control: async (conditioning) => control.prepare(await controlImage(), conditioning, options),
      }, { ...given, seed });
      const { data } = (await readFixture(file)).float32("step_latents");
      // Ten times what the reference itself moves by when its start moves by 1e-5: float32 noise over a whole run.
      const limit = 10 * run["sensitivity_to_1e-5_relative_change_of_start_latents"].latents_max_abs_change;
      assertClose({ data: Float32Array.from(latents.flatMap(({ data }) => [...data])) }, data, name, limit);
    });
  }
}

/** The reference's picture, `[height, width, 3]` there. */
async function controlImage(): Promise<Tensor> {
  const { data, shape: [height, width] } = (await readFixture("runs/inputs.safetensors")).float32(
    "control_image",
  );
  const plane = height! * width!;
  const pixels = data.map((_, i) => data[i % plane * 3 + Math.floor(i / plane)]!);
  return { data: pixels, shape: [1, 3, height!, width!] };
}

function assertClose(
  actual: Pick<Tensor, "data">,
  expected: Float32Array,
  key: string,
  limit = tolerance,
): void {
  const difference = maxAbsDifference(actual.data, expected);
  assert.ok(difference <= limit, `${key}: ${difference} off, allowed ${limit}`);
}

function path(name: string): string {
  return new URL(`../tests/reference/${name}`, import.meta.url).pathname;
}
