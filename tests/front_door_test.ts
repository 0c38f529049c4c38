/** What the package's first import gives, and what it brings along. */
import assert from "node:assert/strict";
import * as esbuild from "esbuild";
import * as sdk from "../mod.ts";

Deno.test("the front door opens models and pictures; all else has a place of its own", () => {
  assert.deepEqual(
    Object.keys(sdk).sort(),
    [
      ...["BackendUnavailableError", "UnsupportedModelError", "WeightsError"],
      ...[
        "auto",
        "coreml",
        "createPipeline",
        "ddim",
        "localFolder",
        "memoryFolder",
        "modelOf",
        "native",
        "openModel",
      ],
      ...["progressiveDistillation", "ufogen", "wasm", "webgpu"],
    ],
  );
});

Deno.test("a page that imports the front door is given nothing that only other platforms have", async () => {
  const { metafile } = await esbuild.build({
    stdin: { contents: `export * from "./mod.ts";`, resolveDir: new URL("..", import.meta.url).pathname },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "/",
    write: false,
    metafile: true,
  });
  await esbuild.stop();
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  assert.ok(imports.some(({ path }) => path.includes("onnxruntime-web")));
  const foreign = imports.filter(({ path }) =>
    /^node:|onnxruntime-node|node_modules\/tokenizers\//.test(path)
  );
  assert.deepEqual(foreign, []);
});
