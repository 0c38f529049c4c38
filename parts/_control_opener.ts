/** From a control's configuration to its loaded networks: one opener a kind, and what they have in common. */
import type { Json } from "../core/json.ts";
import type { Runner } from "../backends/backend.ts";
import { UnsupportedModelError } from "../core/errors.ts";
import type { Control } from "../core/parts.ts";
import type { Graph } from "../graph/graph.ts";
import type { UnetArchitecture } from "../models/unet_config.ts";
import type { ResidualAdder } from "./_residuals.ts";

/** What an opener may use; whoever calls it frees what is loaded. */
export interface ControlSurroundings {
  /** Loads a graph with the control's weights. */
  readonly load: (graph: Graph) => Promise<Runner>;
  /** Adds other controls' residuals. */
  readonly adder: ResidualAdder;
  /** The UNet that the control must fit. */
  readonly unet?: UnetArchitecture;
}

/** Opens a control of one kind. */
export type ControlOpener = (
  config: Json,
  surroundings: ControlSurroundings,
) => Promise<Pick<Control, "prepare" | "places">>;

/** Channels of a UNet's levels, for {@linkcode checkFit}. */
export function channelsOf({ levels }: UnetArchitecture): string {
  return levels.map(({ channels }) => channels).join(", ");
}

/** Residual blocks of a UNet's levels on the way down, for {@linkcode checkFit}. */
export function layersOf({ levels }: UnetArchitecture): string {
  return levels.map(({ layers }) => layers).join(", ");
}

/**
 * Checks that a control was made for a UNet, property by property: `["text width", own, wanted]`.
 *
 * @throws {UnsupportedModelError} At the first one that differs.
 */
export function checkFit(
  kind: string,
  properties: readonly (readonly [string, number | string, number | string])[],
): void {
  for (const [name, own, wanted] of properties) {
    if (own === wanted) continue;
    throw new UnsupportedModelError(
      `Cannot use the ${kind}: its ${name} is ${own}, the UNet's is ${wanted}.`,
    );
  }
}
