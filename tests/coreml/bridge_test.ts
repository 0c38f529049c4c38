/**
 * The Objective-C bridge on its own: values there and back, errors, and multi-arrays.
 */
import assert from "node:assert/strict";
import { Files } from "../../backends/coreml/_files.ts";
import {
  attempt,
  fromNSArray,
  fromNSDictionary,
  fromNSNumbers,
  fromNSString,
  toFileURL,
  toNSArray,
  toNSDictionary,
  toNSNumbers,
  toNSString,
} from "../../backends/coreml/_foundation.ts";
import { type ElementType, elementType, read, wrap } from "../../backends/coreml/_multi_array.ts";
import { ObjectiveC } from "../../backends/coreml/_objc.ts";
import { coremlTest, type Rig, TemporaryFolder } from "./_rig.ts";

function bridgeTest(name: string, body: (objc: ObjectiveC, rig: Rig) => Promise<void> | void): void {
  coremlTest(`bridge: ${name}`, async (rig) => {
    using objc = new ObjectiveC(rig.frameworks);
    await body(objc, rig);
  });
}

bridgeTest("strings, numbers, arrays and dictionaries come back as they went", (objc) => {
  objc.pool(() => {
    for (const text of ["", "Unet", "größer 🌙 家"]) {
      assert.equal(fromNSString(objc, toNSString(objc, text)), text);
    }
    const numbers = [0, -1, 2 ** 40];
    assert.deepEqual(fromNSNumbers(objc, toNSNumbers(objc, numbers)), numbers);
    assert.deepEqual(fromNSArray(objc, toNSArray(objc, [])), []);
    const [one, two] = ["one", "two"].map((text) => toNSString(objc, text)) as [
      Deno.PointerObject,
      Deno.PointerObject,
    ];
    const dictionary = fromNSDictionary(objc, toNSDictionary(objc, new Map([["b", two], ["a", one]])));
    assert.deepEqual([...dictionary].map(([key, value]) => [key, fromNSString(objc, value)]), [["a", "one"], [
      "b",
      "two",
    ]]);
    assert.equal(fromNSString(objc, objc.send(toFileURL(objc, "/a b/ä"), "path")), "/a b/ä");
  });
});

bridgeTest("a message to nil does nothing", (objc) => {
  objc.pool(() => assert.deepEqual(fromNSArray(objc, objc.send(null, "allKeys")), []));
});

bridgeTest("a class that is not there is an error", (objc) => {
  assert.throws(() => objc.class("MLNoSuchClass"), /MLNoSuchClass.*no open library has it/);
});

bridgeTest("an NSError is thrown in its own words", (objc) => {
  objc.pool(() => {
    const files = objc.get(objc.class("NSFileManager"), "defaultManager");
    const gone = toNSString(objc, "/no/such/file");
    assert.throws(
      () =>
        attempt(
          objc,
          "remove it",
          (error) => objc.send(files, "removeItemAtPath:error:", gone, error),
          TypeError,
        ),
      (error: Error) =>
        error instanceof TypeError && /^Cannot remove it: .+ \(.+, code -?\d+\)\.$/.test(error.message),
    );
  });
});

bridgeTest("files are made, listed, moved and removed", async (objc) => {
  await using folder = new TemporaryFolder();
  const { path } = folder;
  objc.pool(() => {
    const files = new Files(objc);
    files.makeFolder(`${path}/a/b`);
    Deno.writeTextFileSync(`${path}/a/b/five`, "12345");
    Deno.utimeSync(`${path}/a/b/five`, 1000, 1000);
    assert.deepEqual(files.list(`${path}/a`).map(({ path }) => path), ["b", "b/five"]);
    assert.deepEqual(files.list(`${path}/a/b`), [{ path: "five", size: 5, modified: 1000 }]);
    assert.deepEqual(files.list(`${path}/a/b/five`), [{ path: "", size: 5, modified: 1000 }]);
    files.move(`${path}/a`, `${path}/c`);
    assert.equal(files.exists(`${path}/a`), false);
    assert.equal(files.exists(`${path}/c/b/five`), true);
    files.remove(`${path}/c`);
    assert.equal(files.exists(`${path}/c`), false);
    assert.equal(files.absolute("/x"), "/x");
    assert.equal(files.absolute("x"), `${Deno.cwd()}/x`);
    assert.match(files.cachesFolder(), /^\/.*\S$/);
  });
});

bridgeTest("multi-arrays wrap our memory and give it back, in every element type", (objc) => {
  const values = [-2.5, -1, 0, 1, 1.5, 3];
  const expected: Record<ElementType, number[]> = {
    float16: values,
    float32: values,
    float64: values,
    int32: [-2, -1, 0, 1, 1, 3],
  };
  for (const [type, numbers] of Object.entries(expected) as [ElementType, number[]][]) {
    const borrowed: ArrayBuffer[] = [];
    objc.pool(() => {
      const array = wrap(objc, { data: new Float32Array(values), shape: [2, 1, 3] }, type, borrowed);
      assert.equal(elementType(objc, array), type);
      assert.deepEqual(fromNSNumbers(objc, objc.send(array, "strides")), [3, 3, 1]);
      const { data, shape } = read(objc, array);
      assert.deepEqual(shape, [2, 1, 3]);
      assert.deepEqual([...data], numbers);
      assert.equal(data instanceof Int32Array, type === "int32");
    });
    assert.equal(borrowed.length, 1);
  }
});

bridgeTest("float32 and int32 are wrapped without a copy", (objc) => {
  for (const data of [new Float32Array([1, 2]), new Int32Array([1, 2])]) {
    const borrowed: ArrayBuffer[] = [];
    objc.pool(() => {
      const type = data instanceof Float32Array ? "float32" : "int32";
      const array = wrap(objc, { data, shape: [2] }, type, borrowed);
      data[0] = 7;
      assert.deepEqual([...read(objc, array).data], [7, 2]);
      assert.equal(borrowed[0], data.buffer);
    });
  }
});

bridgeTest("small inputs stay where they are while the collector moves its own", (objc) => {
  const borrowed: ArrayBuffer[] = [];
  objc.pool(() => {
    const arrays = Array.from({ length: 500 }, (_, i) => {
      return wrap(objc, { data: new Float32Array([i, -i]), shape: [2] }, "float16", borrowed);
    });
    let garbage: unknown[] = [];
    for (let i = 0; i < 3_000_000; i++) {
      garbage.push({ i });
      if (i % 100_000 === 0) garbage = [];
    }
    for (const [i, array] of arrays.entries()) assert.deepEqual([...read(objc, array).data], [i, -i]);
  });
});
