/** A model that was compiled for a number of rows and for one size, behind a runner for any number of rows. */
import type { AnyTensor, Port, Runner, RunOptions } from "../backends/backend.ts";
import { concatRows, sliceRows, type Tensor } from "../core/tensor.ts";
import { fixedSize } from "./_ports.ts";

/** How to speak of the sizes of a model's main input. */
export interface FixedSizes {
  /** What the model is, for messages: "the UNet". */
  readonly part: string;
  /** Its main input, `[rows, …]`; a latent or a picture is `[rows, channels, height, width]`. */
  readonly main: Port;
  /** Picture pixels per pixel of the main input. */
  readonly scale: number;
}

/**
 * Cuts the rows of all inputs into groups of the compiled number, fills the last group up with copies of the last
 * row, and joins the outputs. Rows that fit as they are pass through untouched, kept outputs too.
 */
export class FixedRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #runner: Runner;
  readonly #sizes: FixedSizes;

  /** Takes the runner over. */
  constructor(runner: Runner, sizes: FixedSizes) {
    this.inputs = runner.inputs;
    this.outputs = runner.outputs;
    this.#runner = runner;
    this.#sizes = sizes;
  }

  /** Whether so many rows pass through untouched, so that outputs can be kept. */
  fits(rows: number): boolean {
    const batch = fixedSize(this.#sizes.main, 0);
    return batch === undefined || batch === rows;
  }

  /** @throws {RangeError} If the main input has another size than the model was compiled for. */
  async run(
    inputs: Readonly<Record<string, AnyTensor>>,
    options?: RunOptions,
  ): Promise<Record<string, AnyTensor>> {
    const { main } = this.#sizes;
    const { shape } = inputs[main.name]!;
    this.#checkSize(shape);
    const rows = shape[0]!;
    if (this.fits(rows)) return await this.#runner.run(inputs, options);
    const batch = fixedSize(main, 0)!;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
  }

  #checkSize(shape: readonly number[]): void {
    const { part, main, scale } = this.#sizes;
    const axes = main.shape.length === 4 ? [2, 3] : [];
    if (axes.every((axis) => [undefined, shape[axis]].includes(fixedSize(main, axis)))) return;
    const pixels = ([, , height, width]: readonly unknown[]) =>
      `${Number(width) * scale} × ${Number(height) * scale}`;
    const [asked, compiled] = [pixels(shape), pixels(main.shape)];
    throw new RangeError(
      `Cannot run ${part} for a picture of ${asked} pixels: it was compiled for ${compiled}. ` +
        `Ask for that size, or convert the model for the other.`,
    );
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
