import assert from "node:assert/strict";
import { formatParameters, type Parameters, parseParameters } from "./mod.ts";

const settings = {
  Steps: "20",
  Sampler: "DDIM",
  "CFG scale": "7.5",
  Seed: "42",
  Size: "512x512",
  Model: "mini",
};

Deno.test("formatParameters writes the convention", () => {
  assert.equal(
    formatParameters({
      prompt: "a cat,\non a (mat:1.2)",
      negativePrompt: "fog",
      settings: { ...settings, Note: "a, b" },
    }),
    "a cat,\non a (mat:1.2)\nNegative prompt: fog\n" +
      `Steps: 20, Sampler: DDIM, CFG scale: 7.5, Seed: 42, Size: 512x512, Model: mini, Note: "a, b"`,
  );
  assert.equal(
    formatParameters({
      prompt: "",
      negativePrompt: "",
      settings: { Steps: "1", Sampler: "ufogen", Seed: "0" },
    }),
    "\nSteps: 1, Sampler: ufogen, Seed: 0",
  );
});

Deno.test("parseParameters reads what other programs write", () => {
  assert.deepEqual(
    parseParameters(
      `first line\n  second, line: here \nNegative prompt: no\nthis: either\n` +
        `Steps: 30, Sampler: DPM++ 2M Karras, Lora hashes: "a: 1, b: 2", Size: 64x64, ???, Version: v1.9.3`,
    ),
    {
      prompt: "first line\nsecond, line: here",
      negativePrompt: "no\nthis: either",
      settings: {
        Steps: "30",
        Sampler: "DPM++ 2M Karras",
        "Lora hashes": "a: 1, b: 2",
        Size: "64x64",
        Version: "v1.9.3",
      },
    },
  );
  assert.deepEqual(parseParameters("only: a, prompt"), {
    prompt: "only: a, prompt",
    negativePrompt: "",
    settings: {},
  });
  assert.deepEqual(
    parseParameters("a cat\nSteps: 30, Sampler: Euler, Seed: 1\nTemplate: a {cat|dog}, big: yes, old: no"),
    {
      prompt: "a cat",
      negativePrompt: "",
      settings: { Steps: "30", Sampler: "Euler", Seed: "1" },
      behind: "Template: a {cat|dog}, big: yes, old: no",
    },
  );
  assert.deepEqual(parseParameters(""), { prompt: "", negativePrompt: "", settings: {} });
});

Deno.test("parseParameters gives back any string that formatParameters was given", () => {
  const words = [
    "a",
    " ",
    "\n",
    "Negative prompt:",
    "Steps: 1, ",
    ",",
    ":",
    '"',
    "\\",
    "\t",
    "日",
    "\ud800",
    "\u2028",
    "__proto__",
  ];
  let state = 1;
  const below = (n: number) => Math.floor((state = Math.imul(state, 48271) >>> 0) / 2 ** 32 * n);
  const odd = () => Array.from({ length: below(9) }, () => words[below(words.length)]).join("");
  for (let i = 0; i < 5000; i++) {
    const given: Parameters = {
      prompt: odd(),
      negativePrompt: odd(),
      settings: { Steps: odd(), "CFG scale": odd(), Größe: odd(), Model: odd() },
    };
    assert.deepEqual(parseParameters(formatParameters(given)), given, JSON.stringify(given));
  }
});

Deno.test("formatParameters refuses what nobody could read back", () => {
  const request = { prompt: "", negativePrompt: "" };
  assert.throws(
    () => formatParameters({ ...request, settings: { Steps: "1" } }),
    /there are 1 settings, expected 3/,
  );
  for (const bad of ["a", "a:b", "a,b", "Exact prompt", " ab", ""]) {
    assert.throws(
      () => formatParameters({ ...request, settings: { ...settings, [bad]: "1" } }),
      RangeError,
      bad,
    );
  }
});

Deno.test("parseParameters needs no time for long texts", () => {
  for (const unit of ["a", "a:", ", ", '"', 'ab: "', "\\", " ", "ab:,", "\n"]) {
    parseParameters(unit.repeat(200_000 / unit.length));
  }
});
