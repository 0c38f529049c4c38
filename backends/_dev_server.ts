/** The runtime's `.wasm` files on a development server. */

/**
 * Where a development server has the runtime's file, as the runtime's `wasmPaths`. Such servers (Vite) move modules
 * into a folder of their own, where the runtime then looks for its file in vain; `node_modules` they serve as it is.
 * `undefined` in whatever has been built, and where the file is not there.
 */
export async function devServerFile(file: string): Promise<{ readonly wasm: string } | undefined> {
  const [modules] = import.meta.url.match(/^https?:.*\/node_modules\//) ?? [];
  if (modules === undefined) return undefined;
  const wasm = `${modules}onnxruntime-web/dist/${file}`;
  const response = await fetch(wasm, { method: "HEAD" }).catch(() => undefined);
  const found = response?.ok === true && response.headers.get("content-type") === "application/wasm";
  return found ? { wasm } : undefined;
}
