// Made by tools/embed.ts from the files beside it; change those.
const weights: Readonly<Record<string, () => Promise<{ readonly default: string }>>> = {
  control_edges: () => import("./control_edges.ts"),
  lora_candy: () => import("./lora_candy.ts"),
  text_encoder: () => import("./text_encoder.ts"),
  unet: () => import("./unet.ts"),
  unet_progressive_distillation: () => import("./unet_progressive_distillation.ts"),
  unet_ufogen: () => import("./unet_ufogen.ts"),
  vae: () => import("./vae.ts"),
};
export default weights;
