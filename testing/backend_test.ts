/** The SDK's ONNX backends pass the suite. */
import process from "node:process";
import { native } from "../backends/native.ts";
import { wasm } from "../backends/wasm.ts";
import { webgpu } from "../backends/webgpu.ts";
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

const adapter = await navigator.gpu?.requestAdapter();
const ignore = adapter == null && process.env.REQUIRE_ALL !== "1";
const reason = ignore ? " (skipped: there is no GPU, install Debian's mesa-vulkan-drivers)" : "";
const half = adapter?.features.has("shader-f16") ? ["float16"] as const : [];
const gpuClaims = { ...claims, dtypes: ["float32", "int8", ...half] } as const;
for (const { name, run } of backendChecks({ name: "webgpu", create: () => webgpu(), ...gpuClaims })) {
  Deno.test({ name: `${name}${reason}`, ignore, fn: run });
}
