/**
 * The embedded model: a small MobileDiffusion of our own, carried in the package.
 *
 * @module
 */
import type { Model } from "../core/model.ts";
import type { ModelFolder } from "../parts/model_folder.ts";
import { memoryFolder } from "../parts/model_folder.ts";

/** What suits the embedded model when the caller says nothing. */
export const MINI_DEFAULTS: Pick<Model, "guidance"> = { guidance: 5 };

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
      const { default: base64 } = await modules[component]!();
      const name = `${component}/model.safetensors`;
      return await memoryFolder("mini", {
        [name]: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)),
      })
        .weights(component);
    },
  };
}
