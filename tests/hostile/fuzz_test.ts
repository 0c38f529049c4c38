/** Mutated inputs of every kind: a fixed 20,000 here, more with `deno task fuzz --count N --seed S`. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

Deno.test("20,000 mutated inputs are read or refused by one of our errors, none hangs or ends a process", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tools/fuzz.ts", "--count", "20000", "--seed", "1"],
    cwd: root,
  }).output();
  const printed = new TextDecoder().decode(stdout);
  const [, inputs, read, refused, raw, hangs, crashes] =
    printed.match(/^all((?:\t\d+){6})$/m)?.[1]?.split("\t") ?? [];
  assert.deepEqual([raw, hangs, crashes], ["0", "0", "0"], printed);
  assert.ok(Number(inputs) >= 20_000 && Number(read) > 1000 && Number(refused) > 1000, printed);
});
