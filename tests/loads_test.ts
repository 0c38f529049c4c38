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
