/**
 * The table of signatures against the classes themselves: every method tells the runtime its types.
 */
import assert from "node:assert/strict";
import { messages, type Signature } from "../../backends/coreml/_messages.ts";
import { cString } from "../../backends/coreml/_objc.ts";
import { coremlTest } from "./_rig.ts";

/** What the runtime's type codes may stand for each of ours. */
const encodings: Readonly<Record<string, RegExp>> = {
  pointer: /^(@\??|#|\^.*|\*)/,
  buffer: /^(\^.*|\*)/,
  u8: /^[BcC]/,
  i64: /^q/,
  u64: /^Q/,
  f64: /^d/,
  void: /^v/,
};

coremlTest("every signature is the one that the class has", ({ frameworks }) => {
  const text = { parameters: ["buffer"], result: "pointer" } as const;
  const lookup = { parameters: ["pointer", "pointer"], result: "pointer" } as const;
  const argument = { parameters: ["pointer", "u32"], result: "pointer" } as const;
  const pointer = { parameters: ["pointer"], result: "pointer" } as const;
  const coreml = Deno.dlopen(frameworks.coreml, {});
  const foundation = Deno.dlopen(frameworks.foundation, {});
  const objc = Deno.dlopen(frameworks.objc, {
    objc_getClass: text,
    sel_registerName: text,
    class_getInstanceMethod: lookup,
    class_getClassMethod: lookup,
    method_copyReturnType: pointer,
    method_copyArgumentType: argument,
    method_getNumberOfArguments: { parameters: ["pointer"], result: "u32" },
  });
  const runtime = objc.symbols;
  for (const [selector, { of, takes, gives }] of Object.entries<Signature>(messages)) {
    const owner = runtime.objc_getClass(cString(of.slice(1)));
    assert.notEqual(owner, null, `there is no class ${of.slice(1)}`);
    const find = of.startsWith("+") ? runtime.class_getClassMethod : runtime.class_getInstanceMethod;
    const method = find(owner, runtime.sel_registerName(cString(selector)));
    assert.notEqual(method, null, `${of} has no method ${selector}`);
    assert.equal(runtime.method_getNumberOfArguments(method), takes.length + 2, selector);
    assert.match(
      read(runtime.method_copyReturnType(method)),
      encodings[gives]!,
      `result of ${of} ${selector}`,
    );
    for (const [index, type] of takes.entries()) {
      const encoding = read(runtime.method_copyArgumentType(method, index + 2));
      assert.match(encoding, encodings[type]!, `parameter ${index} of ${of} ${selector}`);
    }
  }
  for (const library of [objc, foundation, coreml]) library.close();
});

/** A type code without its qualifiers (const, in, out, oneway …). The few bytes of the copy are not freed. */
function read(encoding: Deno.PointerValue): string {
  return Deno.UnsafePointerView.getCString(encoding!).replace(/^[rnNoORV]+/, "");
}
