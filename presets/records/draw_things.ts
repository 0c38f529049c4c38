/**
 * Pictures of Draw Things, which writes XMP with JSON in it.
 *
 * @module
 */
import { A1111_SAMPLERS, claimedSampler } from "./_samplers.ts";
import { parseObject, seedOf } from "./_json_texts.ts";
import { modelRemarks } from "./a1111.ts";
import { optional, Settings } from "./_settings.ts";
import { unescaped, XMP } from "./_xmp.ts";
import { type Dialect, type Remark, unreadable } from "./request.ts";

/** XMP whose tool is Draw Things. */
export const drawThings: Dialect = {
  name: "Draw Things",
  recognises: (texts) => /Draw Things/.test(texts[XMP] ?? ""),
  read(texts) {
    const [, comment] = texts[XMP]!.match(/<exif:UserComment>[^]*?<rdf:li[^>]*>([^<]*)<\/rdf:li>/) ?? [];
    if (comment === undefined) throw unreadable("Draw Things left no settings in it", "its comment");
    const given = new Settings(parseObject(unescaped(comment), "Draw Things' text"));
    const steps = given.number("steps");
    const model = given.text("model");
    const [prompt, negativePrompt] = [given.text("c") ?? "", given.text("uc") ?? ""];
    const name = given.text("sampler");
    const claimed = name === undefined
      ? undefined
      : claimedSampler({ table: A1111_SAMPLERS, name, steps: steps ?? 20, otherwise: "uniform" });
    const options = {
      prompt,
      ...negativePrompt !== "" && { negativePrompt },
      ...claimed?.options,
      ...optional("steps", steps),
      ...optional("guidance", given.number("scale")),
      ...optional("seed", seedOf(given.text("seed"))),
      ...given.size("size"),
      promptSyntax: "weighted" as const,
    };
    given.take("v2"); // the same once more, in its program's own names
    const strength = given.number("strength") ?? 1;
    const left = given.rest();
    const remarks: Remark[] = [
      ...modelRemarks(model),
      ...claimed?.remarks ?? [],
      { option: "rng", text: "Draw Things has several sources of random numbers, and it does not say which" },
      ...strength === 1 ? [] : [{ option: "image", text: `its strength of ${strength} is not used` }],
      ...left.length === 0 ? [] : [{ text: `not used: ${JSON.stringify(left.join(", "))}` }],
    ];
    return { writer: drawThings.name, options, remarks, ...optional("model", model) };
  },
};
