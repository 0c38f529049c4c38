import assert from "node:assert/strict";
import { extraNetworks, promptAt, promptParts, promptSteps } from "./mod.ts";
import { oddStrings } from "./_testing.ts";

/** Last steps and texts of a prompt in 10 steps, as A1111's documentation writes schedules. */
function schedule(prompt: string): [number, string][] {
  const result: [number, string][] = [];
  promptSteps(prompt, 10).forEach((text, i) => {
    if (result.at(-1)?.[1] === text) result.at(-1)![0] = i + 1;
    else result.push([i + 1, text]);
  });
  return result;
}

Deno.test("promptAt reads the examples of the convention", () => {
  const examples: Readonly<Record<string, [number, string][]>> = {
    "test": [[10, "test"]],
    "a [b:3]": [[3, "a "], [10, "a b"]],
    "a [b: 3]": [[3, "a "], [10, "a b"]],
    "a [[[b]]:2]": [[2, "a "], [10, "a [[b]]"]],
    "[(a:2):3]": [[3, ""], [10, "(a:2)"]],
    "a [b : c : 1] d": [[1, "a b  d"], [10, "a  c  d"]],
    "a[b:[c:d:2]:1]e": [[1, "abe"], [2, "ace"], [10, "ade"]],
    "a [unbalanced": [[10, "a [unbalanced"]],
    "a [b:.5] c": [[5, "a  c"], [10, "a b c"]],
    "((a][:b:c [d:3]": [[3, "((a][:b:c "], [10, "((a][:b:c d"]],
    "a [b:1.5] c": [[10, "a  c"]], // a share of more than all of them
    "a [b:1.0] c": [[10, "a  c"]],
    "a [b:0] c": [[10, "a b c"]],
    "a [red:blue:0.25] house": [[2, "a red house"], [10, "a blue house"]],
  };
  for (const [prompt, expected] of Object.entries(examples)) {
    assert.deepEqual(schedule(prompt), expected, prompt);
  }
});

Deno.test("words take turns", () => {
  const turns = (prompt: string) => promptSteps(prompt, 6);
  const [a, b] = ["a", "(b:1.1)"];
  assert.deepEqual(turns("[a|(b:1.1)]"), [a, b, a, b, a, b]);
  assert.deepEqual(turns("[fe|]male"), ["female", "male", "female", "male", "female", "male"]);
  assert.deepEqual(turns("[fe|||]male"), ["female", "male", "male", "male", "female", "male"]);
  assert.deepEqual(turns("[x|[y:z:2]]"), ["x", "y", "x", "z", "x", "z"]);
});

Deno.test("what is no schedule stays as it is", () => {
  for (
    const prompt of [
      "[a]",
      "[a:b]",
      "[word:1.2:x]",
      "[a:b:c:3]",
      "[a|b:0.5]",
      "\\[a:b:3\\]",
      "(a:1.2)",
      "[a:b",
      "a:b:3]",
    ]
  ) {
    assert.deepEqual(new Set(promptSteps(prompt, 4)), new Set([prompt]), prompt);
  }
});

Deno.test("every string is a prompt at every step, and long ones take no time", () => {
  for (const text of oddStrings(2000, 5)) for (const step of [1, 3]) promptAt(text, step, 3);
  for (
    const unit of [
      "[",
      "]",
      "[a:",
      "[a|b]",
      "(",
      "[a:b:1]",
      "\\",
      ":",
      "<lora:a",
      "<lora:a:1>",
      " AND ",
      ":1 AND ",
    ]
  ) {
    const text = unit.repeat(20_000 / unit.length);
    promptAt(text, 1, 2);
    promptParts(text);
    extraNetworks(text);
  }
  promptAt("[a:b:".repeat(3000) + "]".repeat(3000), 1, 2);
});

Deno.test("promptParts reads AND and its weights", () => {
  const parts = (prompt: string) => promptParts(prompt).map(({ text, weight }) => [text, weight]);
  assert.deepEqual(parts("a cat"), [["a cat", 1]]);
  assert.deepEqual(parts("a cat :1.2"), [["a cat :1.2", 1]]);
  assert.deepEqual(parts("a cat AND a dog :0.5 AND a (bird:1.3)"), [["a cat", 1], ["a dog", 0.5], [
    "a (bird:1.3)",
    1,
  ]]);
  assert.deepEqual(parts("a AND b:-1"), [["a", 1], ["b", -1]]);
  assert.deepEqual(parts("SAND ANDY"), [["SAND ANDY", 1]]);
});

Deno.test("extraNetworks takes networks out of a prompt", () => {
  const { prompt, networks } = extraNetworks(
    "a <lora:x:0.8>, <lyco:y>, <hypernet:z:1> <b:c> <lora:w:te=0.5:unet=2:dyn=4>",
  );
  assert.equal(prompt, "a , ,  <b:c> ");
  assert.deepEqual(networks.map(({ kind, name, scale }) => [kind, name, scale.textEncoder, scale.unet]), [
    ["lora", "x", 0.8, 0.8],
    ["lora", "y", 1, 1],
    ["hypernet", "z", 1, 1],
    ["lora", "w", 0.5, 2],
  ]);
  assert.deepEqual(extraNetworks("<lora:x:0.8:0.3>").networks[0]!.scale, { textEncoder: 0.8, unet: 0.3 });
  assert.throws(() => extraNetworks("<lora:x:much>"), /"<lora:x:much>" in the prompt: expected numbers/);
});
