// Every entry of the package, as a strict TypeScript project sees it.
import { createPipeline, type Pipeline, type Sampler } from "@mobile-diffusion/sdk";
import { wasm } from "@mobile-diffusion/sdk/backends/wasm";
import { webgpu } from "@mobile-diffusion/sdk/backends/webgpu";
import { native } from "@mobile-diffusion/sdk/backends/native";
import { dpmpp2m } from "@mobile-diffusion/sdk/samplers";

export const pipeline: Promise<Pipeline> = createPipeline({ model: "mini", backend: wasm() });
export const backends: string[] = [webgpu({ powerPreference: "low-power" }).name, native().name];
export const sampler: Sampler = dpmpp2m({ steps: 20, sigmas: "karras" });
// @ts-expect-error types are not `any`
export const wrong: number = wasm();
