import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import type { ControlOptions } from "../core/parts.ts";
import type { DeviceTensor, Tensor } from "../core/tensor.ts";
import { readUnetConfig } from "../models/unet_config.ts";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { openControl } from "./control.ts";
import { openDiffusers } from "./diffusers.ts";
import { localFolder } from "./model_folder.ts";

interface Case {
  readonly index: number;
  readonly timestep: number;
  readonly scale: number;
  readonly guess?: boolean;
}

const base = "pipelines/small4-tiny";
const architecture = readUnetConfig(await readJson(`${base}/unet/config.json`));

// A single network call in float32.
const tolerance = 1e-4;

for (const backend of [native(), wasm({ threads: 1, worker: false })]) {
  for (const name of ["controlnet", "t2i_adapter_full", "t2i_adapter_light"]) {
    Deno.test(`${backend.name}: ${name} gives the reference's residuals and predictions`, async () => {
      await using unet = await openUnet(backend);
      const folder = await localFolder(path(`models/${name}`));
      await using control = await openControl(folder, { backend, unet: architecture });
      const io = await readFixture(`models/${name}/io.safetensors`);
      const { cases } = await readJson<{ cases: Case[] }>(`models/${name}/cases.json`);
      for (const { index, timestep, scale, guess: guessMode = false } of cases) {
        const at = (key: string): Tensor => io.float32(`case${index}.${key}`);
        await using predictor = await unet.prepare({ hidden: at("encoder_hidden_states") });
        const pixels = at(name === "controlnet" ? "controlnet_cond" : "cond");
        const options: ControlOptions = { scale, guessMode };
        await using prepared = await control.prepare(pixels, { hidden: at("encoder_hidden_states") }, options);
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
        assertClose(await predictor.predict(latent, timestep), at("unet_out_without").data, "unet_out_without");
        assertClose(await predictor.predict(latent, timestep, residuals), at("unet_out").data, "unet_out");
      }
    });
  }
}

interface Run {
  readonly name: string;
  readonly file: string;
  readonly weights: string;
  readonly arguments: Readonly<Record<string, number>> & { readonly prompt: string; readonly negative_prompt: string };
  readonly "sensitivity_to_1e-5_relative_change_of_start_latents": { readonly latents_max_abs_change: number };
}
