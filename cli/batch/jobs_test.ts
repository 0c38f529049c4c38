import assert from "node:assert/strict";
import { readJobs } from "./jobs.ts";
import { UsageError } from "../usage.ts";

const table = {
  "seed": { text: "a seed", value: "number", range: "0 or more" },
  "negative-prompt": { text: "what not", value: "text" },
};
const read = (path: string, text: string) => readJobs(path, text, table);

Deno.test("a text has a prompt a line; empty lines and remarks are none", () => {
  const { jobs, malformed } = read("a.txt", '\ufeffa house\r\n\r\n# not this\n  a lake, "deep"  \n');
  assert.deepEqual(jobs, [
    { line: 1, prompt: "a house", words: {} },
    { line: 4, prompt: 'a lake, "deep"', words: {} },
  ]);
  assert.deepEqual(malformed, []);
});

Deno.test("JSON lines have options of their own; what is wrong with one is said by its number", () => {
  const { jobs, malformed } = read(
    "a.JSONL",
    [
      '{"prompt":"a house","seed":7,"negativePrompt":"fog"}',
      "{oops",
      "",
      '{"prompt":"a lake","negative-prompt":"fog"}',
      '{"prompt":"a lake","model":"x"}',
      '{"seed":1}',
      '{"prompt":"a","seed":"many"}',
      '{"prompt":"a","seed":{}}',
      "[1]",
      '{"prompt":"a","__proto__":1}',
    ].join("\n"),
  );
  assert.deepEqual(jobs, [
    { line: 1, prompt: "a house", words: { "seed": "7", "negative-prompt": "fog" } },
    { line: 4, prompt: "a lake", words: { "negative-prompt": "fog" } },
  ]);
  assert.deepEqual(malformed.map(({ line }) => line), [2, 5, 6, 7, 8, 9, 10]);
  const [broken, other, none, text, object] = malformed.map(({ problem }) => problem);
  assert.match(broken!, /It is no JSON object/);
  assert.match(other!, /It has the option "model", expected prompt, seed, negative-prompt/);
  assert.match(none!, /It has no prompt/);
  assert.match(text!, /Cannot read --seed many: expected a number, 0 or more/);
  assert.match(object!, /Its seed is \{\}, expected a text or a number/);
});

Deno.test("a table has the names of options in its first row, and quoted cells", () => {
  const { jobs, malformed } = read(
    "a.csv",
    'seed,prompt,negativePrompt\n7,"a house, ""red""",fog\n,a lake\n1,,x\n2,a,b,c\n9,"two\nlines",\n5,end\n',
  );
  assert.deepEqual(jobs, [
    { line: 2, prompt: 'a house, "red"', words: { "seed": "7", "negative-prompt": "fog" } },
    { line: 3, prompt: "a lake", words: {} },
    { line: 7, prompt: "two\nlines", words: { "seed": "9" } },
    { line: 8, prompt: "end", words: { "seed": "5" } },
  ]);
  assert.deepEqual(malformed.map(({ line }) => line), [4, 5]);
  assert.throws(() => read("a.csv", "text,seed\na,1\n"), {
    name: "UsageError",
    message: /its first row has the columns "text, seed", expected one called prompt/,
  });
  assert.throws(() => read("a.csv", ""), UsageError);
  const open = read("a.csv", 'prompt\na\n"never closed\nb\n');
  assert.deepEqual(open.jobs.map(({ prompt }) => prompt), ["a"]);
  assert.equal(open.malformed.length, 1);
});

Deno.test("a file of another kind is refused", () => {
  for (const path of ["a.json", "a", "a.__proto__", "constructor"]) {
    assert.throws(() => read(path, "a"), /expected a name that ends in \.txt, \.jsonl, \.csv/, path);
  }
});
