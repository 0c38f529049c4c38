/**
 * A network that was cut into several models because one was too large to compile for the Neural Engine.
 */
import type { AnyTensor, Port, Runner, RunOptions } from "../../backends/backend.ts";
import type { DeviceTensor } from "../../core/tensor.ts";

/**
 * Runs the chunks one after the other. Each takes what it wants from the inputs of the whole and the outputs of the
 * chunks before it; those outputs never leave the backend.
 */
export class ChunkedRunner implements Runner {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly #chunks: readonly Runner[];

  /** Takes the chunks over. */
  constructor(chunks: readonly Runner[]) {
    const inner = new Set(chunks.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
    const ports = chunks.flatMap(({ inputs }) => inputs).filter(({ name }) => !inner.has(name));
    this.#chunks = chunks;
    this.inputs = [...new Map(ports.map((port) => [port.name, port])).values()];
    this.outputs = chunks.at(-1)!.outputs;
  }

  async run(
    inputs: Readonly<Record<string, AnyTensor>>,
    options: RunOptions = {},
  ): Promise<Record<string, AnyTensor>> {
    using between = new DisposableStack();
    let known = inputs;
    for (const chunk of this.#chunks.slice(0, -1)) {
      const keep = chunk.outputs.map(({ name }) => name);
      const outputs = await chunk.run(pick(known, chunk), { ...options, keep });
      for (const output of Object.values(outputs)) between.use(output as DeviceTensor);
      known = { ...known, ...outputs };
    }
    const last = this.#chunks.at(-1)!;
    return await last.run(pick(known, last), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const chunk of this.#chunks) await chunk[Symbol.asyncDispose]();
  }
}

/** What a chunk takes; what is missing, it will name itself. */
function pick(known: Readonly<Record<string, AnyTensor>>, { inputs }: Runner): Record<string, AnyTensor> {
  return Object.fromEntries(inputs.flatMap(({ name }) => {
    const tensor = known[name];
    return tensor === undefined ? [] : [[name, tensor]];
  }));
}
