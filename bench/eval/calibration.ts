/** What the judge's scores mean: on the renderer's own pictures, and on what it must refuse. */
import { gaussianBlur } from "../../image/_blur.ts";
import type { Detector } from "./detector.ts";
import { type OracleScene, TAGS } from "./scenes.ts";
import { proportion, type Request, shows } from "./score.ts";

/** Shares of pictures that pass: the oracle's, with other prompts, with one attribute changed, blurred by 3 pixels. */
export async function calibrate(
  detector: Detector,
  scenes: readonly OracleScene[],
): Promise<Record<string, string>[]> {
  const found = await Promise.all(scenes.map(({ picture }) => detector.detect(picture)));
  const blurred = await Promise.all(scenes.map(({ picture }) => detector.detect(gaussianBlur(picture, 3))));
  const other = (i: number) => scenes[Math.floor(i / 8) * 8 + (i + 1) % 8]!.request; // of the same tag
  const cases = {
    "oracle": (i: number) => shows(found[i]!, scenes[i]!.request),
    "another prompt of the tag": (i: number) => shows(found[i]!, other(i)),
    "one attribute changed": (i: number) => shows(found[i]!, changed(scenes[i]!.request)),
    "blurred by 3 pixels": (i: number) => shows(blurred[i]!, scenes[i]!.request),
  };
  return Object.entries(cases).map(([name, passes]) => {
    const passed = scenes.map((_, i) => passes(i));
    const row: Record<string, string> = { judged: name };
    for (const tag of TAGS) {
      const own = passed.filter((_, i) => scenes[i]!.request.tag === tag);
      const { share, low, high } = proportion(own.filter(Boolean).length, own.length);
      row[tag] = `${share.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
    }
    return row;
  });
}

const opposite: Readonly<Record<string, string>> = {
  "left of": "right of",
  "right of": "left of",
  "above": "below",
  "below": "above",
};

/** The same request with what its tag asks about changed. */
function changed(request: Request): Request {
  const { tag, kinds, colours, count, position } = request;
  if (tag === "counting") return { ...request, count: count === 4 ? 2 : count + 1 };
  if (position !== null) return { ...request, position: opposite[position]! };
  const [first, ...rest] = colours;
  if (first != null) {
    const others = ["red", "green", "blue", "pink"].filter((colour) => !colours.includes(colour));
    return { ...request, colours: [others[0]!, ...rest] };
  }
  const other = ["house", "fish", "star"].find((kind) => !kinds.includes(kind))!;
  return { ...request, kinds: [other, ...kinds.slice(1)] };
}
