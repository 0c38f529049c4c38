import assert from "node:assert/strict";
import { BatchFolder } from "./folder.ts";

const begun = { prompts: "hash", options: {}, seed: 3 };
const picture = { line: 1, prompt: "a house", seed: 3, file: "000001.png" };
const bytes = Uint8Array.of(1, 2, 3);

async function inFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("a folder remembers its pictures and its first seed, and has one batch at a time", () =>
  inFolder(async (path) => {
    {
      await using folder = await BatchFolder.open(path, begun);
      await folder.add(picture, bytes);
      await Deno.writeTextFile(`${path}/batch.lock`, `${Deno.ppid}`); // as another process would
      await assert.rejects(BatchFolder.open(path, begun), /runs one there, expected another --out/);
    }
    await using folder = await BatchFolder.open(path, { ...begun, seed: 99 });
    assert.equal(folder.seed, 3);
    assert.deepEqual([folder.has(1), folder.has(2)], [true, false]);
  }));

Deno.test("the lock of a process that is gone is taken over, whatever it says", () =>
  inFolder(async (path) => {
    for (const text of ["999999999\n", "", "no number", "-1"]) {
      await Deno.writeTextFile(`${path}/batch.lock`, text);
      await using _folder = await BatchFolder.open(path, begun);
      assert.equal((await Deno.readTextFile(`${path}/batch.lock`)).trim(), `${Deno.pid}`);
    }
    assert.deepEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["batch.json"]);
  }));

Deno.test({
  name: "a full disk is one clear error, and what was written before it stays",
  ignore: Deno.build.os !== "linux", // which has /dev/full
  fn: () =>
    inFolder(async (path) => {
      {
        await using folder = await BatchFolder.open(path, begun);
        await folder.add(picture, bytes);
        await Deno.symlink("/dev/full", `${path}/000002.png.unfinished`);
        await assert.rejects(
          folder.add({ ...picture, line: 2, file: "000002.png" }, bytes),
          {
            name: "UsageError",
            message: /^Cannot write the picture to ".*000002\.png": no space left on device/,
          },
        );
        await Deno.rename(`${path}/manifest.jsonl`, `${path}/kept`);
        await Deno.symlink("/dev/full", `${path}/manifest.jsonl`);
        await assert.rejects(
          folder.add({ ...picture, line: 3, file: "000003.png" }, bytes),
          { name: "UsageError", message: /^Cannot write the manifest ".*manifest\.jsonl": no space left/ },
        );
      }
      await Deno.rename(`${path}/kept`, `${path}/manifest.jsonl`);
      await using folder = await BatchFolder.open(path, begun);
      assert.deepEqual([1, 2, 3].map((line) => folder.has(line)), [true, false, false]);
      const third = await folder.adopt({ ...picture, line: 3, file: "000003.png" });
      assert.equal(third?.sha256, "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81");
      assert.equal(await folder.adopt({ ...picture, line: 2, file: "000002.png" }), undefined);
    }),
});
