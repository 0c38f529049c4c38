/** Residuals in the hands of a control: who frees them, and how those of several controls are added. */
import type { AnyTensor, Backend, Runner } from "../backends/backend.ts";
import { LazyPart } from "../core/lazy_part.ts";
import type { Residuals } from "../core/parts.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { memoryWeights } from "../weights/memory.ts";

/** Frees what lies on a device. */
export function release(residuals: Residuals): void {
  for (const tensor of Object.values(residuals)) if (Symbol.dispose in tensor) tensor[Symbol.dispose]();
}

/** Adds residuals on a backend, so that those on its device stay there. */
export class ResidualAdder implements AsyncDisposable {
  readonly #runner: LazyPart<Runner>;

  /** Nothing is loaded until there is something to add. */
  constructor(backend: Backend) {
    this.#runner = new LazyPart(async (owned) =>
      owned.use(await backend.load({ kind: "graph", graph: sum(), weights: memoryWeights({}) }))
    );
  }

  /** The sums where both have a residual, by name. Each may have one row for all rows of the other. */
  async add(a: Residuals, b: Residuals): Promise<Residuals> {
    const sums: Record<string, Residuals[string]> = {};
    for (const name of Object.keys(a).filter((name) => b[name] !== undefined)) {
      const [more, fewer] = [a[name]!, b[name]!].sort((x, y) => y.shape[0]! - x.shape[0]!) as [
        AnyTensor,
        AnyTensor,
      ];
      const runner = await this.#runner.get();
      const { sum } = await runner.run({ more, fewer }, { keep: ["sum"] });
      sums[name] = sum as Residuals[string];
    }
    return sums;
  }

  /** Frees the program. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#runner.release();
  }
}

function sum(): Graph {
  const g = new GraphBuilder("residual_sum");
  const picture = ["channels", "height", "width"];
  const more = g.input("more", "float32", ["rows", ...picture]);
  const fewer = g.input("fewer", "float32", ["fewer_rows", ...picture]);
  return g.build({ sum: g.add("sum", more, fewer) });
}
