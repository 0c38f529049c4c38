/**
 * A model that was compiled for a number of rows, run on any number.
 */
import type { AnyTensor, Port, Runner, RunOptions } from "../../backends/backend.ts";
import { concatRows, sliceRows, type Tensor } from "../../core/tensor.ts";
import { fixedSize } from "./_ports.ts";

/**
 * Cuts the rows of all inputs into groups of the compiled size, fills the last group up with copies of the last
 * row, and joins the outputs. Rows that fit as they are pass through untouched, kept outputs too.
 */
export class BatchedRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #runner: Runner;
  readonly #batch: number | undefined;

  /** Takes the runner over; its batch is the first size of the input called `main`. */
  constructor(runner: Runner, main: Port) {
    this.inputs = runner.inputs;
    this.outputs = runner.outputs;
    this.#runner = runner;
    this.#batch = fixedSize(main, 0);
  }

  /** Whether so many rows pass through untouched, so that outputs can be kept. */
  fits(rows: number): boolean {
    return this.#batch === undefined || this.#batch === rows;
  }

  async run(inputs: Readonly<Record<string, AnyTensor>>, options?: RunOptions): Promise<Record<string, AnyTensor>> {
    const rows = Math.max(...Object.values(inputs).map(({ shape }) => shape[0] ?? 1));
    if (this.fits(rows)) return await this.#runner.run(inputs, options);
    const batch = this.#batch!;
    const host = new Map<string, Tensor>();
    for (const [name, input] of Object.entries(inputs)) host.set(name, await toHost(input));
    const groups: Record<string, Tensor>[] = [];
    for (let start = 0; start < rows; start += batch) {
      const group = [...host].map(([name, tensor]) => [name, takeRows(tensor, start, batch)]);
      groups.push(await this.#runner.run(Object.fromEntries(group), options) as Record<string, Tensor>);
    }
    return Object.fromEntries(this.outputs.map(({ name }) => {
      const joined = concatRows(groups.map((group) => group[name]!));
      return [name, sliceRows(joined, 0, rows)];
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#runner[Symbol.asyncDispose]();
  }
}

/** A tensor in host memory, wherever it was. */
export async function toHost(tensor: AnyTensor): Promise<Tensor> {
  return "data" in tensor ? tensor as Tensor : await tensor.read();
}

/** `count` rows from `start` on; behind the end, the last row again. */
export function takeRows(tensor: Tensor, start: number, count: number): Tensor {
  const last = tensor.shape[0]! - 1;
  if (start + count - 1 <= last) return sliceRows(tensor, start, start + count);
  return concatRows(Array.from({ length: count }, (_, i) => {
    const row = Math.min(start + i, last);
    return sliceRows(tensor, row, row + 1);
  }));
}
