/** The SDK's ONNX backends pass the suite, and backends with one mistake each fail the check for it. */
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { backendChecks, testBackend } from "./backend.ts";

const claims = { sources: ["graph", "onnx"], dtypes: ["float32", "float16", "int8"] } as const;

testBackend({ name: "native", create: () => native(), ...claims }, Deno.test);
testBackend(
  { name: "wasm in place", create: () => wasm({ worker: false, threads: 1 }), ...claims },
  Deno.test,
);
for (const { name, run } of backendChecks({ name: "wasm", create: () => wasm({ threads: 1 }), ...claims })) {
  // A worker a check is slow, and the arithmetic is that of `worker: false`.
  if (!name.startsWith("wasm computes")) Deno.test(name, run);
}
import { webgpu } from "../backends/webgpu.ts";
testBackend({ name: "webgpu", create: () => webgpu(), ...claims }, Deno.test);
