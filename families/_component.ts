/** A network of which we write the graph: its configuration, and how its weights are opened. */
import type { Json } from "../core/json.ts";
import type { Weights } from "../weights/weights.ts";
import { type Components, needConfig } from "./components.ts";

/** A network at rest. */
export interface GraphComponent {
  /** Its `config.json`. */
  readonly config: Json;
  /** Opens its weights, under diffusers' names. */
  weights(): Promise<Weights>;
}

/**
 * The network of a role.
 *
 * @throws {TypeError} If it has no configuration.
 */
export function component(files: Components, role: string): GraphComponent {
  if (files.layout === "single file" && !files.roles.has(role)) files.need(role); // says how to give one
  return {
    config: needConfig(files, role),
    async weights() {
      const program = files.need(role);
      if (program.kind === "weights") return await program.open();
      throw new TypeError(
        `Cannot open the ${role} of "${files.name}": it is ${program.kind}, expected weights.`,
      );
    },
  };
}
