/** The text projection (`CLIPTextModelWithProjection`), from files of all three element types. */
import assert from "node:assert/strict";
import type { Tensor } from "../core/tensor.ts";
import { clipText, endPositions, readClipTextConfig } from "../models/clip_text.ts";
import { textEncoderWeights } from "../parts/_weight_names.ts";
import { openWeights } from "../weights/open_weights.ts";
import { renameWeights } from "../weights/rename.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, cpuBackends, runGraph, testPath } from "./_networks.ts";

const folder = "models/clip_proj";
const config = readClipTextConfig(await readJson(`${folder}/config.json`));

// Half-precision files differ from the float32 one by their rounding, 2⁻¹¹ and 2⁻⁸ of each weight; what two layers
// of width 16 make of that was measured as 3.1e-3 and 2.7e-2.
const files = [["model", 1e-4], ["model.fp16", 5e-3], ["model.bf16", 5e-2]] as const;

for (const backend of cpuBackends) {
  for (const [file, tolerance] of files) {
    Deno.test(`${backend.name}: clip_proj from ${file}.safetensors`, async () => {
      for (const cases of ["io", "io_unpadded"]) {
        const io = await readFixture(`${folder}/${cases}.safetensors`);
        const ids = io.get("input_ids") as Tensor<BigInt64Array>;
        const outputs = await runGraph(
          backend,
          clipText(config, { projection: true }),
          `./reference/${folder}/${file}.safetensors`,
          {
            input_ids: ids,
            position_ids: {
              data: Int32Array.from({ length: ids.shape[1]! }, (_, i) => i),
              shape: [ids.shape[1]!],
            },
            end_positions: endPositions(ids, config),
          },
        );
        assertClose(outputs.text_embeds, io.float32("text_embeds"), tolerance);
        assertClose(outputs.last_hidden_state, io.float32("last_hidden_state"), tolerance);
      }
    });
  }
}

Deno.test("endPositions takes the first end token, or with the wrong id of old files the highest", () => {
  const ids = { data: BigInt64Array.of(812n, 5n, 813n, 813n, 812n, 813n, 1n, 1n), shape: [2, 4] };
  assert.deepEqual([...endPositions(ids, config).data], [2n, 5n]);
  assert.deepEqual([...endPositions(ids, { ...config, endId: 2 }).data], [2n, 5n]);
});

Deno.test("textEncoderWeights finds the tensors with and without the prefix that transformers 5 drops", async () => {
  await using stored = await openWeights(testPath(`./reference/${folder}/model.safetensors`));
  assert.equal(textEncoderWeights(stored), stored);
  const names = [...stored.names()];
  const bare = renameWeights(stored, new Map(names.map((name) => [name.replace(/^text_model\./, ""), name])));
  const found = textEncoderWeights(bare);
  assert.deepEqual([...found.names()].sort(), names.sort());
  for (const name of names) assert.deepEqual(found.info(name), stored.info(name));
});
