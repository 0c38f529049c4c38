/** Tensors of published networks, by name and shape alone. */
import type { Weights } from "../weights/weights.ts";

/** The tensors that `tests/data/keys/<network>.txt` lists; they cannot be read. */
export async function publishedTensors(network: string): Promise<Weights> {
  const text = await Deno.readTextFile(new URL(`./data/keys/${network}.txt`, import.meta.url));
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return shapesOnly(lines.map((line) => {
    const [name, shape] = line.split(" [") as [string, string];
    return [name, shape.slice(0, -1).split(", ").map(Number)];
  }));
}

/** Weights that have names and shapes, in half precision, and cannot be read. */
export function shapesOnly(tensors: Iterable<readonly [name: string, shape: readonly number[]]>): Weights {
  const shapes = new Map(tensors);
  return {
    names: () => shapes.keys(),
    info(name) {
      const shape = shapes.get(name);
      return shape &&
        { dtype: "F16", shape, byteLength: 2 * shape.reduce((product, size) => product * size, 1) };
    },
    read: (name) => Promise.reject(new TypeError(`Cannot read "${name}": only its shape is known.`)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
