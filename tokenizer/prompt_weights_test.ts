import assert from "node:assert/strict";
import { parsePromptWeights } from "./mod.ts";
import { oddStrings, randomBelow } from "./_testing.ts";

/** Text and weight, rounded to where the order of products no longer shows. */
function parsed(prompt: string): [string, number][][] {
  return parsePromptWeights(prompt).map((section) =>
    section.map(({ text, weight }) => [text, Number(weight.toPrecision(12))])
  );
}

Deno.test("parsePromptWeights reads the examples of the convention", () => {
  const examples: [string, [string, number][]][] = [
    ["normal text", [["normal text", 1]]],
    ["an (important) word", [["an ", 1], ["important", 1.1], [" word", 1]]],
    ["(unbalanced", [["unbalanced", 1.1]]],
    ["\\(literal\\]", [["(literal]", 1]]],
    ["(unnecessary)(parens)", [["unnecessaryparens", 1.1]]],
    ["[less]", [["less", 0.909090909091]]],
    ["a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", [
      ["a ", 1],
      ["house", 1.573],
      [" ", 1.1],
      ["on", 1],
      [" a ", 1.1],
      ["hill", 0.55],
      [", sun, ", 1.1],
      ["sky", 1.4641],
      [".", 1.1],
    ]],
    ["(a: 1.5 )(b:-0.5)(c:.25)(d:2.)", [["a", 1.5], ["b", -0.5], ["c", 0.25], ["d", 2]]],
    ["not open) nor] 1:2:1.2)", [["not open) nor] 1:2:1.2)", 1]]],
    ["[word:1.2]", [["word:1.2", 0.909090909091]]],
    ["(1.2.3:1.2.3)", [["1.2.3:1.2.3", 1.1]]],
    ["a\\\\b\\c", [["a\\bc", 1]]],
    ["(a [b) c]", [["a ", 1.1], ["b", 1], [" c", 0.909090909091]]],
    ["()[](:2)", []],
    ["", []],
  ];
  for (const [prompt, fragments] of examples) assert.deepEqual(parsed(prompt), [fragments], prompt);
});

Deno.test("parsePromptWeights divides at BREAK, inside brackets too", () => {
  assert.deepEqual(parsed("a BREAK (b BREAK c:2) BREAK"), [
    [["a ", 1]],
    [[" ", 1], ["b ", 2]],
    [[" c", 2], [" ", 1]],
    [],
  ]);
  assert.deepEqual(parsed("BREAKFAST OUTBREAK"), [[["BREAKFAST OUTBREAK", 1]]]);
});

Deno.test("parsePromptWeights loses no word of any string, and needs no time for long ones", () => {
  for (const text of oddStrings(300, 4)) {
    const plain = text.replaceAll(/[()[\]\\]/g, "");
    const escaped = plain.replaceAll(":", "\\\\:");
    const back = parsePromptWeights(escaped).flat().map((fragment) => fragment.text).join("");
    assert.equal(back, plain.replaceAll(":", "\\:"));
  }
  const below = randomBelow(5);
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: below(30) }, () => "()[]:\\ .12ab,"[below(13)]).join("");
    for (const { weight } of parsePromptWeights(text).flat()) assert.ok(Number.isFinite(weight));
  }
  for (const unit of [" ", "1", ":", "\\", "a)", ":1", "[a]", "(a:1)", " BREAK", ": 1 "]) {
    parsePromptWeights(unit.repeat(100_000 / unit.length));
  }
});

Deno.test("parsePromptWeights refuses a weight that is no number any more", () => {
  assert.throws(
    () => parsePromptWeights("(a".repeat(8000)),
    { name: "RangeError", message: /more than 100 brackets are open/ },
  );
  assert.throws(
    () => parsePromptWeights(`${"(".repeat(99)}a`),
    /"a" counts 12527.* times, expected a number from/,
  );
  assert.equal(parsePromptWeights(`${"(".repeat(60)}a${")".repeat(60)}`)[0]!.length, 1);
  assert.throws(() => parsePromptWeights(`(a:${"9".repeat(400)})`), RangeError);
});
