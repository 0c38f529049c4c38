/**
 * Models by name, on disk.
 *
 * @module
 */
import { DiskStore } from "./_disk_store.ts";
import { checkName, resolve } from "./_resolve.ts";
import type { HubOptions } from "./hub_options.ts";

/** Where a model comes from, and where it is kept. */
export interface ResolveModelOptions extends HubOptions {
  /**
   * The folder of the cache, in Hugging Face's layout. Without it `HF_HUB_CACHE`, `HF_HOME/hub` or
   * `~/.cache/huggingface/hub`, as far as the environment may be read.
   */
  readonly cache?: string;
}

/**
 * The folder of a model, downloaded if the cache has no whole copy. Only what is needed to run it is
 * downloaded; what was begun is continued, checked against the hub's hashes, and one process waits for
 * another that is at it.
 *
 * Needs `--allow-read` and `--allow-write` for the cache, `--allow-net` for the hub where something is
 * missing.
 *
 * @example
 * ```ts ignore
 * import { resolveModel } from "@mobile-diffusion/sdk/hub";
 *
 * const folder = await resolveModel("stable-diffusion-v1-5/stable-diffusion-v1-5", {
 *   variant: "fp16",
 *   onProgress: ({ allReceived, allTotal }) => console.error(allReceived / allTotal),
 * });
 * ```
 * @throws {HubError} If the model cannot be had; its `reason` says why.
 * @throws {UnsupportedModelError} If it has no weights that can be opened, or not of that variant.
 * @throws {WeightsError} If what the hub sends is not what it says.
 * @throws {TypeError} If the name is not `owner/name`, no cache is known, or there are no files here.
 */
export async function resolveModel(name: string, options: ResolveModelOptions = {}): Promise<string> {
  checkName(name, options.revision ?? "main");
  const store = await DiskStore.open(name, options.cache);
  const { commit } = await resolve(store, name, options);
  return store.snapshot(commit);
}
