// Made by tools/embed.ts from the files beside it; change those.
const weights: Readonly<Record<string, () => Promise<{ readonly default: string }>>> = {
  text_encoder: () => import("./text_encoder.ts"),
  unet: () => import("./unet.ts"),
  vae: () => import("./vae.ts"),
};
export default weights;
