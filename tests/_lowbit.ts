/** The fixtures of weights in few bits. */
const root = new URL("./reference_lowbit/", import.meta.url);

/** Path of a file of the fixtures. */
export function lowbitPath(path: string): string {
  return new URL(path, root).pathname;
}

/** The list of all cases, or one of its entries. */
export async function lowbitCases<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL("cases.json", root)))[name];
}
