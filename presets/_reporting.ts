/** Who waits for a model is told what for. */
import type { Backend, PartSource } from "../backends/backend.ts";
import type { DownloadProgress } from "../hub/mod.ts";

/** What a model is doing before it makes pictures. */
export type ModelProgress =
  | { readonly kind: "download" } & DownloadProgress
  | {
    readonly kind: "load";
    /** The network, as "unet". */
    readonly network: string;
    /** Whether it is loaded; else it begins. */
    readonly done: boolean;
  };

/** The backend, which says when it loads a network. */
export function reporting(backend: Backend, onProgress: (progress: ModelProgress) => void): Backend {
  return {
    name: backend.name,
    ...backend.precisions !== undefined && { precisions: backend.precisions },
    async load(source, options) {
      const network = networkOf(source);
      onProgress({ kind: "load", network, done: false });
      const runner = await backend.load(source, options);
      onProgress({ kind: "load", network, done: true });
      return runner;
    },
  };
}

function networkOf(source: PartSource): string {
  if (source.kind === "graph") return source.graph.name;
  const path = source.kind === "coreml" ? source.path : source.model;
  if (typeof path !== "string") return "ONNX model";
  const [folder = "", file = ""] = path.split(/[/\\]/).slice(-2);
  return source.kind === "onnx" && /^model[._\w]*\.onnx$/.test(file) ? folder : file.replace(/\.\w+$/, "");
}
