/**
 * Packages are compiled once, and again when they change.
 */
import assert from "node:assert/strict";
import { coremlTest, type ModelSpec, standInTest, TemporaryFolder } from "./_rig.ts";

/** Everything below a folder. */
function tree(path: string): string[] {
  return [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) =>
    isDirectory && !name.endsWith(".mlmodelc")
      ? tree(`${path}/${name}`).map((below) => `${name}/${below}`)
      : [name]
  ).sort();
}

standInTest(
  "compilation: a package is compiled once, and its compilation kept until it changes",
  async (rig) => {
    await using folder = new TemporaryFolder();
    const [path, cacheFolder] = [`${folder.path}/My Unet.mlpackage`, `${folder.path}/cache`];
    const backend = rig.backend({ cacheFolder });
    const outputs = async (dtype: string) => {
      await using runner = await backend.load({ kind: "coreml", path });
      assert.deepEqual(runner.inputs, [{ name: "a_", dtype, shape: [2] }]);
      return tree(cacheFolder);
    };
    const model = (dtype: string): ModelSpec => {
      const port = { shape: [2], dtype };
      return { function: "copy", inputs: { a_: port }, outputs: { a_1: port } };
    };
    await rig.install(path, model("float32"));
    const first = await outputs("float32");
    assert.equal(first.length, 1);
    assert.match(first[0]!, /^My Unet-[0-9a-f]{16}\/[0-9a-f]{16}\.mlmodelc$/);
    assert.deepEqual(await outputs("float32"), first);

    const compiled = `${cacheFolder}/${first[0]}/standin.json`;
    await Deno.writeTextFile(compiled, JSON.stringify(model("int32")));
    assert.deepEqual(await outputs("int32"), first, "the kept compilation is what is loaded");

    await rig.install(path, model("float16"));
    const second = await outputs("float16");
    assert.equal(second.length, 1, "the old compilation is gone");
    assert.notDeepEqual(second, first);
  },
);

standInTest("compilation: a package that does not compile is an error", async (rig) => {
  await using folder = new TemporaryFolder();
  await Deno.mkdir(`${folder.path}/Unet.mlpackage`);
  await assert.rejects(
    rig.backend({ cacheFolder: `${folder.path}/cache` }).load({
      kind: "coreml",
      path: `${folder.path}/Unet.mlpackage`,
    }),
    {
      name: "UnsupportedModelError",
      message: /^Cannot compile Core ML model ".*Unet\.mlpackage": .+ \(com\.apple\.CoreML, code \d+\)\.$/,
    },
  );
});

coremlTest("compilation: a cache folder that cannot be used is an error", async (rig) => {
  await using folder = await rig.folder({ "Copy.mlpackage": "Copy" });
  const path = `${folder.path}/Copy.mlpackage`;
  await Deno.writeTextFile(`${folder.path}/cache`, "a file, no folder");
  await assert.rejects(
    rig.backend({ cacheFolder: `${folder.path}/cache` }).load({ kind: "coreml", path }),
    /^Error: Cannot make folder ".*cache\/Copy-[0-9a-f]+": /,
  );
});
