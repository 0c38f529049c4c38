// A family of one's own, with a conditioning entry and a guidance of its own: deno run -A examples/own_family.ts
//
// "Tinted" models are Stable Diffusion with a colour beside the text: a third pass shows the network the tint alone,
// and the guidance goes from the tint through the text. Everything else is the family that it builds on.
import { createPipeline, type TextEncoder } from "@mobile-diffusion/sdk";
import { type Guidance, LazyPart } from "@mobile-diffusion/sdk/core";
import { type Family, stableDiffusion } from "@mobile-diffusion/sdk/families";

/** Marks a model of this family: its model_index.json says so. */
const pipelineClass = "TintedDiffusionPipeline";

/** From the unconditional output towards the tint's, and on through the prompt's. */
function tintedGuidance(scale: number, strength: number): Guidance {
  return {
    passes: ["unconditional", "tint", "conditional"],
    combine: ({ unconditional, tint, conditional }) => ({
      shape: conditional!.shape,
      data: conditional!.data.map((value, i) =>
        unconditional!.data[i]! + strength * (tint!.data[i]! - unconditional!.data[i]!) +
        scale * (value - tint!.data[i]!)
      ),
    }),
  };
}

/** Adds a pass whose text is the tint's name. */
function tinted(inner: TextEncoder, tint: string): TextEncoder {
  return {
    async encode(request) {
      const { negativePrompts = request.prompts.map(() => "") } = request;
      const own = await inner.encode({ ...request, passes: ["unconditional", "conditional"] });
      const word = await inner.encode({
        ...request,
        prompts: negativePrompts.map(() => tint),
        passes: ["conditional"],
      });
      const found = new Map(
        [...own.passes, { ...word.passes[0]!, name: "tint" }].map((pass) => [pass.name, pass]),
      );
      return { passes: request.passes.map((name) => found.get(name)!) };
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

/**
 * The family: a value.
 *
 * @param share How much of the guidance scale the tint gets; with 1 it is classifier-free guidance, whatever the tint.
 */
export function tintedDiffusion(share = 0.5): Family {
  return {
    name: "Tinted",
    covers: `models whose model_index.json says ${pipelineClass}`,
    recognises: ({ index }) =>
      index?.["_class_name"] === pipelineClass ? { because: `it is a ${pipelineClass}` } : undefined,
    async open(files, options) {
      const model = await stableDiffusion.open(files, options);
      const { tint = "a yellow moon" } = (files.index ?? {}) as { tint?: string };
      return {
        ...model,
        textEncoder: new LazyPart(async (owned) => {
          owned.defer(() => model.textEncoder.release());
          return tinted(await model.textEncoder.get(), tint);
        }),
        guidance: ({ scale }) => tintedGuidance(scale, share * scale),
      };
    },
  };
}

if (import.meta.main) {
  const { mini } = await import("../presets/mini.ts");
  const folder = await mini(); // any model of Stable Diffusion's kind would do
  await using pipeline = await createPipeline({ model: folder, family: tintedDiffusion() });
  const { images } = await pipeline.generate({
    prompt: "a red house",
    steps: 20,
    guidance: 5,
    seed: 7,
  });
  await Deno.writeFile("tinted.png", await images[0]!.encode("png"));
  console.log("tinted.png");
}
