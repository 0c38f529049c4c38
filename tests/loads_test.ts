import assert from "node:assert/strict";
import { createPipeline } from "../mod.ts";
import type { Backend } from "../backends/backend.ts";
import { wasm } from "../backends/wasm.ts";
import { ufogen } from "../samplers/mod.ts";

/** A backend that writes down what it loads. */
function counted(inner: Backend): { readonly backend: Backend; readonly loads: string[] } {
  const loads: string[] = [];
  const backend: Backend = {
    ...inner,
    load(source, options) {
      loads.push(source.kind === "graph" ? source.graph.name : source.kind);
      return inner.load(source, options);
    },
  };
  return { backend, loads };
}

Deno.test("a picture with a control on a fresh pipeline loads each network once", async () => {
  const { backend, loads } = counted(wasm());
  await using pipeline = await createPipeline({ backend });
  const picture = { data: new Float32Array(3 * 128 * 128), shape: [1, 3, 128, 128] };
  const control = [{ source: "edges", image: picture }];
  await pipeline.generate({ prompt: "a red house", sampler: ufogen(), seed: 1, control });
  assert.equal(new Set(loads).size, loads.length, `loaded: ${loads.join(", ")}`);
  assert.ok(loads.includes("unet"), `loaded: ${loads.join(", ")}`);
});

Deno.test("a run whose prompt cannot be encoded leaves nothing loading behind a pipeline that is freed", async () => {
  let [open, unets] = [0, 0];
  const failed = Promise.withResolvers<void>();
  const inner = wasm();
  const slow: Backend = {
    ...inner,
    async load(source, options) {
      const isUnet = source.kind === "graph" && source.graph.name === "unet";
      if (isUnet) await failed.promise; // still on its way when the run has failed
      const runner = await inner.load(source, options);
      open++;
      unets += isUnet ? 1 : 0;
      return {
        ...runner,
        run: (inputs, options) => runner.run(inputs, options),
        async [Symbol.asyncDispose]() {
          open--;
          await runner[Symbol.asyncDispose]();
        },
      };
    },
  };
  {
    await using pipeline = await createPipeline({ backend: slow });
    await assert.rejects(pipeline.generate({ prompt: "a red house", clipSkip: 99 }), /Cannot skip 99/);
    setTimeout(failed.resolve, 100);
  }
  assert.equal(unets, 1, "the pipeline did not wait for what it had begun to load");
  assert.equal(open, 0);
});
