/**
 * Names of a UNet's modules in the original code of Stable Diffusion (`input_blocks.4.1…`), which some LoRAs keep.
 * The map is the one that reads original checkpoints; here it follows from the list of modules.
 */
import { unetNames } from "../weights/checkpoint_map.ts";

/** The original name of every module of a UNet that has one, by its diffusers name. */
export function sgmNames(modules: Iterable<string>): Map<string, string> {
  const paths = [...modules];
  const has = (block: string) => paths.some((path) => path.startsWith(`${block}.`));
  const count = (list: string) => {
    let length = 0;
    while (has(`${list}.${length}`)) length++;
    return length;
  };
  const levels = Array.from({ length: count("down_blocks") }, (_, level) => `down_blocks.${level}`);
  const names = unetNames({
    attention: levels.map((level) => has(`${level}.attentions`)),
    layers: count("down_blocks.0.resnets"),
    depth: Math.max(
      0,
      ...paths.map((path) => 1 + Number(path.match(/\.transformer_blocks\.(\d+)\./)?.[1] ?? -1)),
    ),
  }, "");
  return new Map(paths.flatMap((path) => {
    const original = names.get(`${path}.weight`)?.name;
    return original === undefined ? [] : [[path, original.slice(0, -".weight".length)]];
  }));
}
