/** A model's external data is read from the model's own folder only. */
import assert from "node:assert/strict";
import { native } from "../../backends/native.ts";
import { wasm } from "../../backends/wasm.ts";
import { testPath } from "../_networks.ts";

const folder = testPath("./hostile/onnx_external_data");

/** A copy of the folder, whose model has a link to a file outside of it. */
async function copy(): Promise<string> {
  const root = await Deno.makeTempDir();
  await Deno.mkdir(`${root}/model`);
  await Deno.copyFile(`${folder}/secret.txt`, `${root}/secret.txt`);
  for (const file of ["model.onnx", "model_link.onnx"]) {
    await Deno.copyFile(`${folder}/model/${file}`, `${root}/model/${file}`);
  }
  await Deno.symlink(`${root}/secret.txt`, `${root}/model/link.bin`);
  return root;
}

for (const backend of [native(), wasm()]) {
  for (
    const [file, message] of [
      ["model.onnx", /"\.\.\/secret\.txt" lies outside of the model's folder/],
      ["model_link.onnx", /"link\.bin" is a link that leaves the model's folder/],
    ] as const
  ) {
    Deno.test(`${backend.name}: ${file} does not read beyond its folder`, async () => {
      const root = await copy();
      try {
        await assert.rejects(backend.load({ kind: "onnx", model: `${root}/model/${file}` }), {
          name: "WeightsError",
          message,
        });
      } finally {
        await Deno.remove(root, { recursive: true });
      }
    });
  }

  Deno.test(`${backend.name}: the links of a Hugging Face cache are followed`, async () => {
    const root = await Deno.makeTempDir();
    const repository = `${root}/models--owner--name`;
    const snapshot = `${repository}/snapshots/${"0".repeat(40)}`;
    try {
      await Deno.mkdir(snapshot, { recursive: true });
      await Deno.mkdir(`${repository}/blobs`);
      await Deno.copyFile(`${folder}/secret.txt`, `${repository}/blobs/abc`);
      await Deno.copyFile(`${folder}/model/model_link.onnx`, `${snapshot}/model.onnx`);
      await Deno.symlink("../../blobs/abc", `${snapshot}/link.bin`);
      await using runner = await backend.load({ kind: "onnx", model: `${snapshot}/model.onnx` });
      assert.ok(runner.outputs.length > 0);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}
