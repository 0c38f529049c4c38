/**
 * The stand-in has teeth: what Apple's framework would not survive ends the process here, with a reason. Each case
 * breaks one promise of the bridge on purpose, in a process of its own.
 */
import assert from "node:assert/strict";
import { type StandIn, standInTest } from "./_rig.ts";

/** Runs statements with `objc` (the bridge) and its helpers at hand; gives what is said on standard error. */
async function run(rig: StandIn, statements: string): Promise<string> {
  const from = (file: string) =>
    JSON.stringify(new URL(`../../backends/coreml/${file}`, import.meta.url).href);
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    script,
    `import { ObjectiveC } from ${from("_objc.ts")};
    import { toNSDictionary, toNSNumbers, toNSString } from ${from("_foundation.ts")};
    import { wrap } from ${from("_multi_array.ts")};
    const objc = new ObjectiveC(${JSON.stringify(rig.frameworks)});
    const error = new BigUint64Array(1);
    const tensor = { data: new Float32Array(2), shape: [2] };
    const initArray = (shape, type, strides) => objc.make(
      "MLMultiArray", "initWithDataPointer:shape:dataType:strides:deallocator:error:",
      new Float32Array(4), toNSNumbers(objc, shape), BigInt(type), toNSNumbers(objc, strides), null, error);
    ${statements}
    console.error("it was let through");`,
  );
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--no-config", "--no-lock", "-A", script],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(script);
  return new TextDecoder().decode(stderr);
}

const cases: Readonly<Record<string, [statements: string, reason: RegExp]>> = {
  "a message outside of a pool": [
    `objc.send(objc.class("NSString"), "alloc");`,
    /message "alloc" outside of a pool/,
  ],
  "a message to a deallocated object": [
    `const array = objc.pool(() => wrap(objc, tensor, "float32", []));
    objc.pool(() => objc.send(array, "shape"));`,
    /message "shape" to a deallocated object/,
  ],
  "one release too many": [
    `objc.pool(() => objc.release(wrap(objc, tensor, "float32", [])));`,
    /release of a deallocated object/,
  ],
  "pools that end in the wrong order": [
    `const names = ["objc_autoreleasePoolPush", "objc_autoreleasePoolPop"];
    const { symbols } = Deno.dlopen(${"FRAMEWORK"}, {
      [names[0]]: { parameters: [], result: "pointer" },
      [names[1]]: { parameters: ["pointer"], result: "void" },
    });
    const outer = symbols[names[0]]();
    symbols[names[0]]();
    symbols[names[1]](outer);`,
    /a pool ended that is not the innermost/,
  ],
  "a selector that a class does not have": [
    `objc.pool(() => objc.send(objc.class("NSURL"), "count"));`,
    /\[NSURL count\]: unrecognized selector/,
  ],
  "a data type that is none": [`objc.pool(() => initArray([2], 99, [1]));`, /99 is no data type/],
  "strides that overlap": [
    `objc.pool(() => initArray([2, 2], 65568, [1, 1]));`,
    /stride 1 of axis 0 overlaps/,
  ],
  "fewer strides than dimensions": [
    `objc.pool(() => initArray([2, 2], 65568, [1]));`,
    /2 dimensions, 1 strides/,
  ],
  "a feature that is no multi-array": [
    `objc.pool(() => objc.send(objc.class("MLFeatureValue"), "featureValueWithMultiArray:", toNSString(objc, "x")));`,
    /the feature value is of class \w+, expected MLMultiArray/,
  ],
  "a dictionary of something else": [
    `objc.pool(() => objc.make("MLDictionaryFeatureProvider", "initWithDictionary:error:",
      toNSDictionary(objc, new Map([["a", toNSString(objc, "x")]])), error));`,
    /a is of class \w+, expected MLFeatureValue/,
  ],
  "a path in place of a URL": [
    `objc.pool(() => objc.send(objc.class("MLModel"), "compileModelAtURL:error:", toNSString(objc, "/x"), error));`,
    /the URL of the package is of class \w+, expected NSURL/,
  ],
  "compute units that are none": [
    `objc.pool(() => objc.send(objc.make("MLModelConfiguration", "init"), "setComputeUnits:", 7n));`,
    /compute units 7/,
  ],
};

for (const [name, [statements, reason]] of Object.entries(cases)) {
  standInTest(`misuse: ${name}: the process ends`, async (rig) => {
    const said = await run(rig, statements.replace("FRAMEWORK", JSON.stringify(rig.frameworks.objc)));
    assert.match(said, reason);
    assert.doesNotMatch(said, /let through/);
  });
}

standInTest("misuse: the deallocator of a multi-array is called with its memory", async (rig) => {
  // the bridge passes none; this shows that the stand-in would honour one, laid out as clang lays out a block
  const said = await run(
    rig,
    `const called = new Deno.UnsafeCallback({ parameters: ["pointer", "pointer"], result: "void" }, (_, bytes) => {
      console.error("freed", Deno.UnsafePointer.value(bytes) === Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory)));
    });
    const memory = new Float32Array(2);
    const block = new BigUint64Array([0n, 0n, Deno.UnsafePointer.value(called.pointer), 0n]);
    objc.pool(() => objc.make(
      "MLMultiArray", "initWithDataPointer:shape:dataType:strides:deallocator:error:",
      memory, toNSNumbers(objc, [2]), 65568n, toNSNumbers(objc, [1]), Deno.UnsafePointer.of(block), error));
    called.close();`,
  );
  assert.match(said, /^freed true\nit was let through/);
});
