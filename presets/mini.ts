/**
 * The embedded model: a small MobileDiffusion of our own, carried in the package.
 *
 * @module
 */
import type { ModelFolder } from "../parts/model_folder.ts";
import { memoryFolder } from "../parts/model_folder.ts";

/** The modules that hold the weights; each is loaded when its part is. */
const weights: Readonly<Record<string, () => Promise<{ readonly default: string }>>> = {
  text_encoder: () => import("../assets/mini/text_encoder.ts"),
  unet: () => import("../assets/mini/unet.ts"),
  unet_progressive_distillation: () => import("../assets/mini/unet_progressive_distillation.ts"),
  unet_ufogen: () => import("../assets/mini/unet_ufogen.ts"),
  vae: () => import("../assets/mini/vae.ts"),
};

/** Opens the embedded model. Needs neither files nor the network. */
export async function mini(): Promise<ModelFolder> {
  const { default: files } = await import("../assets/mini/files.ts");
  const encoder = new TextEncoder();
  const texts = Object.entries(files).map(([path, text]) => [path, encoder.encode(text)]);
  return {
    ...memoryFolder("mini", Object.fromEntries(texts)),
    async weights(component) {
      const { default: base64 } = await weights[component]!();
      const name = `${component}/model.safetensors`;
      return await memoryFolder("mini", { [name]: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) })
        .weights(component);
    },
  };
}
