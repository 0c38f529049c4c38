/** Where Hugging Face's programs keep their models, which is where ours are too. */

/**
 * `HF_HUB_CACHE`, `HF_HOME/hub`, or `huggingface/hub` in the user's cache, as far as the environment may be
 * read.
 *
 * @throws {TypeError} If none of them is known.
 */
export function defaultCacheFolder(): string {
  const cache = environment("HF_HUB_CACHE");
  if (cache !== undefined) return cache;
  const home = environment("HF_HOME");
  if (home !== undefined) return `${home}/hub`;
  const userCache = environment("XDG_CACHE_HOME");
  if (userCache !== undefined) return `${userCache}/huggingface/hub`;
  const user = environment("HOME") ?? environment("USERPROFILE");
  if (user !== undefined) return `${user}/.cache/huggingface/hub`;
  throw new TypeError(
    `Cannot find the cache of models: no HF_HOME and no HOME, expected the option "cache" or --allow-env.`,
  );
}

/** A variable that is set, not empty and allowed; nobody is asked for permission. */
function environment(name: string): string | undefined {
  const { Deno, process } = globalThis as {
    Deno?: { permissions: { querySync(what: { name: "env"; variable: string }): { state: string } } };
    process?: { env: Record<string, string | undefined> };
  };
  const allowed = Deno === undefined ||
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  const value = allowed ? process?.env[name] : undefined;
  return value === "" ? undefined : value;
}
