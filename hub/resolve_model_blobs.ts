/**
 * Models by name, in browsers.
 *
 * @module
 */
import { CacheStorageStore } from "./_cache_storage_store.ts";
import { checkName, resolve } from "./_resolve.ts";
import type { HubOptions } from "./hub_options.ts";

/**
 * The files of a model by their paths, downloaded if the browser's Cache Storage has no whole copy. The same
 * choice, continuation and checks as in {@linkcode resolveModel}; the blobs stay on disk until they are read,
 * where the browser can do so.
 *
 * A page should call `navigator.storage.persist()` before, or the browser may drop what it downloads.
 *
 * @example
 * ```ts ignore
 * import { resolveModelBlobs } from "@mobile-diffusion/sdk/hub";
 *
 * const files = await resolveModelBlobs("owner/name", { variant: "fp16" });
 * files["unet/config.json"]; // Blob
 * ```
 * @throws {HubError} If the model cannot be had; its `reason` says why.
 * @throws {UnsupportedModelError} If it has no weights that can be opened, or not of that variant.
 * @throws {WeightsError} If what the hub sends is not what it says.
 * @throws {TypeError} If the name is not `owner/name`.
 */
export async function resolveModelBlobs(
  name: string,
  options: HubOptions = {},
): Promise<Record<string, Blob>> {
  checkName(name, options.revision ?? "main");
  const store = await CacheStorageStore.open(name);
  const { commit, paths } = await resolve(store, name, options);
  const files = paths.map(async (path) => [path, await store.blob(commit, path)] as const);
  return Object.fromEntries(await Promise.all(files));
}
