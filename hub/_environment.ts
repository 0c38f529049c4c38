/** What the user's shell says to Hugging Face's programs, which is said to us too. */

import { builtin } from "../core/platform.ts";

/** A variable that is set, not empty and allowed; nobody is asked for permission. */
export function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const value = allowed({ name: "env", variable: name }) ? process?.env?.[name] : undefined;
  return value === "" ? undefined : value;
}

/** The hub: `HF_ENDPOINT`, or Hugging Face's own. */
export function defaultHub(): string {
  return environment("HF_ENDPOINT") ?? "https://huggingface.co";
}

/** Whether `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` forbids the network. */
export function isOffline(): boolean {
  const value = environment("HF_HUB_OFFLINE") ?? environment("TRANSFORMERS_OFFLINE");
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

/** `HF_TOKEN`, or what `hf auth login` left in `HF_TOKEN_PATH` or in `HF_HOME/token`. */
export async function defaultToken(): Promise<string | undefined> {
  if (/^(1|on|yes|true)$/i.test(environment("HF_HUB_DISABLE_IMPLICIT_TOKEN") ?? "")) return undefined;
  const said = environment("HF_TOKEN") ?? environment("HUGGING_FACE_HUB_TOKEN");
  if (said !== undefined) return said.trim();
  const folder = homeFolder();
  const path = folderIn("HF_TOKEN_PATH") ?? (folder === undefined ? undefined : `${folder}/token`);
  if (path === undefined || !allowed({ name: "read", path })) return undefined;
  const { readFile } = builtin("node:fs/promises");
  const text = (await readFile(path, "utf8").catch(() => "")).trim(); // most people have none
  return text === "" ? undefined : text;
}

/** The cache: `HF_HUB_CACHE`, or `hub` in {@linkcode homeFolder}. */
export function cacheFolder(): string | undefined {
  const home = homeFolder();
  return folderIn("HF_HUB_CACHE") ?? folderIn("HUGGINGFACE_HUB_CACHE") ??
    (home === undefined ? undefined : `${home}/hub`);
}

/** `HF_HOME`, or `huggingface` in the user's cache. */
function homeFolder(): string | undefined {
  const home = folderIn("HF_HOME");
  if (home !== undefined) return home;
  const userCache = folderIn("XDG_CACHE_HOME");
  if (userCache !== undefined) return `${userCache}/huggingface`;
  const user = userFolder();
  return user === undefined ? undefined : `${user}/.cache/huggingface`;
}

function userFolder(): string | undefined {
  return environment("HOME") ?? environment("USERPROFILE");
}

/** A folder that a variable names: files of variables leave `~` and `$HOME` to their readers. */
function folderIn(name: string): string | undefined {
  const user = userFolder();
  return environment(name)
    ?.replace(/^~(?=$|[/\\])/, () => user ?? "~")
    .replaceAll(/\$(\w+)|\$\{(\w+)\}/g, (all, plain, braced) => environment(plain ?? braced) ?? all);
}

type Permission = { name: "env"; variable: string } | { name: "read"; path: string };

function allowed(permission: Permission): boolean {
  const { Deno, process } = globalThis as {
    Deno?: { permissions: { querySync(what: Permission): { state: string } } };
    process?: { versions?: { node?: string } };
  };
  if (Deno !== undefined) return Deno.permissions.querySync(permission).state === "granted";
  return process?.versions?.node !== undefined; // bundlers leave a `process` in pages
}
