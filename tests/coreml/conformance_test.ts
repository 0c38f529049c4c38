/**
 * The published suite of backends, as far as it applies: Core ML runs compiled models, so there are no graphs to check
 * operators with. But the program of most checks, y = 2·x + 1, is a compiled model here too, and takes its place.
 */
import type { Backend, GraphSource } from "../../backends/backend.ts";
import { backendChecks } from "../../testing/backend.ts";
import { coremlTest, type Rig, specOf, standInTest } from "./_rig.ts";

const fixed = [
  "coreml gives outputs away for good",
  "coreml keeps outputs on the device",
  "coreml names the caller's mistakes and survives them",
  "coreml stops at signals",
  "coreml is disposed once and for all",
];
const flexible = "coreml serves calls in their order";

/** A backend that takes the suite's graph for its compiled twin, with the size of `x` fixed or free as the graph's. */
function create(rig: Rig): Backend {
  const backend = rig.backend();
  return {
    name: "coreml",
    async load(source, options) {
      const { x, y } = { ...specOf("Doubling").inputs, ...specOf("Doubling").outputs };
      const free = typeof (source as GraphSource).graph.inputs[0]!.shape[1] === "string";
      await using folder = await rig.folder({
        Doubling: !free ? "Doubling" : {
          function: "doubling",
          inputs: { x: { ...x!, flexible: true } },
          outputs: { y: { ...y!, like: "x" } },
        },
      });
      const [{ name }] = [...Deno.readDirSync(folder.path)] as [Deno.DirEntry];
      return await backend.load({ kind: "coreml", path: `${folder.path}/${name}` }, options);
    },
  };
}

for (const name of [...fixed, flexible]) {
  const test = name === flexible ? standInTest : coremlTest; // a free size is not among the packages for macOS
  test(`conformance: ${name}`, async (rig) => {
    await backendChecks({ name: "coreml", create: () => create(rig) }).find((check) => check.name === name)!
      .run();
  });
}

coremlTest("conformance: coreml refuses other kinds of source", async (rig) => {
  for (const { run } of backendChecks({ name: "coreml", create: () => rig.backend(), sources: ["coreml"] })) {
    await run();
  }
});
