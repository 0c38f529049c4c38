/** The permissions of each command and backend: with exactly these it works, and without any one of them it says so. */
import assert from "node:assert/strict";
import { inFolder } from "../_cli.ts";

const root = new URL("../../", import.meta.url).pathname;
const model = `${root}tests/reference/pipelines/sd15-tiny`;
const quick = [
  "generate",
  "a red house",
  "--steps",
  "1",
  "--sampler",
  "ufogen",
  "--seed",
  "1",
  "--out",
  "OUT/a.png",
];

/** `OUT` stands for a fresh folder. */
const commands: Readonly<Record<string, readonly [permissions: readonly string[], args: readonly string[]]>> =
  {
    "generate on wasm": [["--allow-read", "--allow-write=OUT"], [...quick, "--backend", "wasm"]],
    "generate on native": [
      ["--allow-read", "--allow-write=OUT", "--allow-ffi"],
      [...quick, "--backend", "native"],
    ],
    "generate on auto": [["--allow-read", "--allow-write=OUT"], quick],
    "inspect": [["--allow-read"], ["inspect", model]],
    "quantize": [["--allow-read", "--allow-write=OUT"], ["quantize", model, "--out", "OUT/small"]],
  };

async function run(folder: string, permissions: readonly string[], args: readonly string[]) {
  const here = (text: string) => text.replaceAll("OUT", folder);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", ...permissions.map(here), "cli/main.ts", ...args.map(here)],
    cwd: root,
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

for (const [name, [permissions, args]] of Object.entries(commands)) {
  Deno.test(`${name}: ${permissions.join(" ")} suffice, and each is needed`, () =>
    inFolder(async (folder) => {
      const { code, said } = await run(folder, permissions, args);
      assert.equal(code, 0, said);
      for (const denied of permissions) {
        const rest = permissions.filter((permission) => permission !== denied);
        const without = await run(folder, [...rest, denied.replace("--allow", "--deny")], args);
        assert.equal(without.code, 1, `without ${denied}: ${without.said}`);
        const last = without.said.trim().split("\n").at(-1)!;
        assert.match(last, /^(\w+: )?Cannot /, `without ${denied}: ${without.said}`);
        assert.doesNotMatch(without.said, /^\s+at /m);
      }
    }));
}
