import assert from "node:assert/strict";
import { defaultCacheFolder } from "./_cache_folder.ts";

/** What is found where only these variables are set. */
function found(environment: Record<string, string>): string {
  const names = ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME", "USERPROFILE"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of Object.entries(environment)) Deno.env.set(name, value);
  try {
    return defaultCacheFolder();
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }
}

Deno.test("defaultCacheFolder is where Hugging Face's programs look", () => {
  assert.equal(found({ HF_HUB_CACHE: "/a", HF_HOME: "/b", HOME: "/d" }), "/a");
  assert.equal(found({ HF_HUB_CACHE: "", HF_HOME: "/b", HOME: "/d" }), "/b/hub");
  assert.equal(found({ XDG_CACHE_HOME: "/c", HOME: "/d" }), "/c/huggingface/hub");
  assert.equal(found({ HOME: "/d" }), "/d/.cache/huggingface/hub");
  assert.equal(found({ USERPROFILE: "/e" }), "/e/.cache/huggingface/hub");
  assert.throws(() => found({}), /expected the option "cache" or --allow-env/);
});

Deno.test({
  name: "defaultCacheFolder asks for no permission",
  permissions: { env: false },
  fn: () => assert.throws(defaultCacheFolder, TypeError),
});
