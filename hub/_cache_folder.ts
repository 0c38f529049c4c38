/** Where Hugging Face's programs keep their models, which is where ours are too. */
import { cacheFolder } from "./_environment.ts";

/**
 * `HF_HUB_CACHE`, `HF_HOME/hub`, or `huggingface/hub` in the user's cache, as far as the environment may be
 * read.
 *
 * @throws {TypeError} If none of them is known.
 */
export function defaultCacheFolder(): string {
  const folder = cacheFolder();
  if (folder !== undefined) return folder;
  throw new TypeError(
    `Cannot find the cache of models: no HF_HOME and no HOME, expected the option "cache" or --allow-env.`,
  );
}
