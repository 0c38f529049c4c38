/**
 * The embedded model: a small MobileDiffusion of our own, carried in the package.
 *
 * @module
 */
import type { Model } from "../core/model.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { memoryFolder } from "../weights/model_folder.ts";

/** What suits the embedded model when the caller says nothing. */
export const MINI_DEFAULTS: Pick<Model, "guidanceScale"> = { guidanceScale: 5 };

/** Opens the embedded model. Needs neither files nor the network. */
export async function mini(): Promise<ModelFolder> {
  const [{ default: files }, { default: modules }] = await Promise.all([
    import("../assets/mini/files.ts"),
    import("../assets/mini/weights.ts"),
  ]);
  const encoder = new TextEncoder();
  const texts = Object.entries(files).map(([path, text]) => [path, encoder.encode(text)]);
  return {
    ...memoryFolder("mini", Object.fromEntries(texts)),
    async weights(component) {
      const name = `${component}/model.safetensors`;
      return await memoryFolder("mini", { [name]: await carried(modules[component]!) }).weights(component);
    },
  };
}

/** The file that a module carries. */
async function carried(module: () => Promise<{ readonly default: string }>): Promise<Uint8Array> {
  const { default: base64 } = await module();
  const packed = new Blob([fromBase64(base64)]).stream();
  return new Uint8Array(
    await new Response(packed.pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer(),
  );
}

/** `Uint8Array.fromBase64` where there is one; a loop is the fastest way elsewhere. */
function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const { fromBase64: native } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (native !== undefined) return native.call(Uint8Array, base64);
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
