/**
 * Nothing is left behind: the stand-in counts its own objects, GNUstep those of Foundation.
 */
import assert from "node:assert/strict";
import type { DeviceTensor } from "../../core/tensor.ts";
import { specOf, type StandIn, standInTest } from "./_rig.ts";

const inputs = {
  half_: { data: new Float32Array(30), shape: [2, 3, 5] },
  float_: { data: new Float32Array(66), shape: [1, 2, 33] },
  whole_: { data: new Int32Array(4), shape: [4] },
};

/** Live objects before and after 1,000 times of something, which has been done a few times before. */
async function around(rig: StandIn, something: () => Promise<void>): Promise<void> {
  rig.live(); // from now on Foundation is counted
  for (let i = 0; i < 10; i++) await something();
  const before = rig.live();
  for (let i = 0; i < 1000; i++) await something();
  const after = rig.live();
  assert.equal(after.coreml, before.coreml);
  assert(after.foundation <= before.foundation); // fewer, if the thread of an earlier test has ended by now
}

for (const worker of [true, false]) {
  const where = worker ? "in the worker" : "in place";

  standInTest(`leaks: 1,000 predictions ${where} leave no object behind`, async (rig) => {
    await using folder = await rig.folder({ Copy: { ...specOf("Copy"), padded: true } });
    const start = rig.live().coreml;
    {
      await using runner = await rig.backend({ worker }).load({
        kind: "coreml",
        path: `${folder.path}/Copy.mlmodelc`,
      });
      await around(rig, async () => void await runner.run(inputs));
    }
    assert.equal(rig.live().coreml, start, "and the model is gone too");
  });

  standInTest(`leaks: 1,000 kept outputs ${where} leave no object behind`, async (rig) => {
    await using folder = await rig.folder({ Copy: "Copy" });
    await using runner = await rig.backend({ worker }).load({
      kind: "coreml",
      path: `${folder.path}/Copy.mlmodelc`,
    });
    await around(rig, async () => {
      const { half_1 } = await runner.run(inputs, { keep: ["half_1"] }) as Record<string, DeviceTensor>;
      using kept = half_1!;
      await runner.run({ ...inputs, half_: kept });
      await kept.read();
    });
  });

  standInTest(`leaks: 1,000 errors ${where} leave no object behind`, async (rig) => {
    await using folder = await rig.folder({
      Copy: { ...specOf("Copy"), failing: "It fails." },
      Broken: { ...specOf("Copy"), unloadable: "It does not load." },
    });
    const backend = rig.backend({ worker });
    await using runner = await backend.load({ kind: "coreml", path: `${folder.path}/Copy.mlmodelc` });
    await around(rig, async () => {
      await assert.rejects(runner.run(inputs), /It fails/);
      await assert.rejects(
        backend.load({ kind: "coreml", path: `${folder.path}/Broken.mlmodelc` }),
        /It does not load/,
      );
    });
  });
}

standInTest("leaks: 1,000 loads leave no object behind", async (rig) => {
  await using folder = await rig.folder({ Copy: "Copy" });
  const backend = rig.backend();
  const source = { kind: "coreml", path: `${folder.path}/Copy.mlmodelc` } as const;
  await using _first = await backend.load(source); // the worker stays
  await around(rig, async () => await (await backend.load(source))[Symbol.asyncDispose]());
});
