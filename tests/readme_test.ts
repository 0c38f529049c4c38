import assert from "node:assert/strict";
import { withSamplerTable } from "../tools/readme.ts";

Deno.test("the README's table of samplers is the registry's", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  assert.match(readme, /\| `ddim` \|/);
  assert.equal(withSamplerTable(readme), readme);
});

Deno.test("the README names only tasks that exist", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  for (const [, task] of readme.matchAll(/deno(?:@2\.9)? task ([a-z]+)/g)) {
    assert.ok(task! in tasks, `deno task ${task}`);
  }
});
