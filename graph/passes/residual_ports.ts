/**
 * Inputs that are added to a network's values at its places: how controls steer it.
 *
 * @module
 */
import type { Graph, Place, Value } from "../graph.ts";
import { rewrite } from "../rewrite.ts";

/**
 * Gives places of a graph an input each, float32 and of the shape of what is there, but for its rows, which are 1 or
 * all. The places that are left can be given theirs by another call.
 *
 * @param names Places; those that the graph does not have are passed over, as those that have an input already.
 *
 * @example
 * ```ts
 * import { residualPorts } from "@mobile-diffusion/sdk/graph";
 * import { readUnetConfig, unet } from "@mobile-diffusion/sdk/models";
 *
 * const graph = unet(readUnetConfig({
 *   block_out_channels: [32, 64],
 *   down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
 *   up_block_types: ["CrossAttnUpBlock2D", "UpBlock2D"],
 * }));
 * console.log(residualPorts(graph, ["mid"]).inputs.at(-1)!.name); // "mid"
 * ```
 */
export function residualPorts(graph: Graph, names: Iterable<string>): Graph {
  const asked = new Set(names);
  const open = new Map((graph.places ?? []).map((place) => [place.name, place]));
  /** The places on the way to one, and itself. */
  const way = (place: Place): Place[] => {
    const before = open.get(place.behind ?? "");
    return before === undefined ? [place] : [...way(before), place];
  };
  /** By use, the ports on the way to it. */
  const ports = new Map<string, readonly Place[]>();
  for (const place of open.values()) {
    const given = way(place).filter(({ name }) => asked.has(name));
    if (given.at(-1) === place) { for (const use of place.uses) ports.set(keyOf(use), given); }
  }
  if (ports.size === 0) return graph;
  const sums = new Map<string, Value>();
  const ported = rewrite(graph, {
    operand: (g, value, { node, index }) =>
      (ports.get(keyOf({ node: node.outputs[0]!.name, index })) ?? []).reduce((before, { name }) => {
        const port = () => g.input(name, "float32", [`${name}_rows`, ...before.shape.slice(1)]);
        const sum = sums.get(name) ?? g.add(name, before, port());
        sums.set(name, sum);
        return sum;
      }, value),
  });
  // What comes to an open place's use may come by a port behind it now: then the port is its use.
  const places = ported.places!.filter(({ name }) => !asked.has(name)).map((place): Place => {
    const old = open.get(place.name)!.uses;
    const uses = place.uses.map((use, i) => {
      const port = ports.get(keyOf(old[i]!))?.find((each) =>
        way(each).some(({ name }) => name === place.name)
      );
      return port === undefined ? use : { node: sums.get(port.name)!.name, index: 0 };
    });
    return { ...place, uses: [...new Map(uses.map((use) => [keyOf(use), use])).values()] };
  });
  return { ...ported, places };
}

function keyOf({ node, index }: Place["uses"][number]): string {
  return `${node}:${index}`;
}
