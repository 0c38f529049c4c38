import assert from "node:assert/strict";
import process from "node:process";
import { parseArguments, runProgram } from "./program.ts";
import { generateOptions } from "./_generate_options.ts";
import { downloadCommand } from "./download.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { quantizeCommand } from "./quantize.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "./usage.ts";

const commands = [generateCommand, inspectCommand, downloadCommand, quantizeCommand];

/** What the program writes to standard output, and its exit code. */
async function output(...args: readonly string[]): Promise<{ code: number; text: string }> {
  const { write } = process.stdout;
  let text = "";
  process.stdout.write = (chunk: unknown) => {
    text += String(chunk);
    return true;
  };
  try {
    return { code: await runProgram(commands, "1.2.3", args), text };
  } finally {
    process.stdout.write = write;
  }
}

/** What a command with these options is given. */
async function given(entry: Partial<CommandEntry>, ...args: readonly string[]): Promise<ParsedArguments> {
  let parsed: ParsedArguments | undefined;
  const command: CommandEntry = {
    name: "go",
    text: "goes",
    words: { where: "a place" },
    options: {},
    examples: ["home"],
    run: (given) => Promise.resolve(void (parsed = given)),
    ...entry,
  };
  await runProgram([command], "1.2.3", ["go", ...args]);
  return parsed!;
}

Deno.test("help explains every command and every option, and ends well", async () => {
  const all = await output("--help");
  assert.equal(all.code, 0);
  for (const command of commands) {
    assert.match(all.text, new RegExp(`^ {2}${command.name} `, "m"));
    for (const args of [[command.name, "--help"], ["help", command.name], [command.name, "-h"]]) {
      const { code, text } = await output(...args);
      assert.equal(code, 0);
      const plain = text.replaceAll(/\s+/g, " ");
      for (
        const [name, { text, value, range, choices, default: usual, short }] of Object.entries(
          command.options,
        )
      ) {
        const letter = short === undefined ? "" : `-${short}, `;
        const flags = `${letter}--${name}${value === undefined ? "" : ` <${value}>`} ${text}`;
        assert.ok(plain.includes(flags.replaceAll(/\s+/g, " ")), flags);
        for (
          const part of [range, choices?.join(", "), usual === undefined ? undefined : `default: ${usual}`]
        ) {
          if (part !== undefined) assert.ok(plain.includes(part), `${name}: ${part}`);
        }
      }
      for (const example of command.examples) {
        assert.ok(text.includes(`$ mobile-diffusion ${command.name} ${example}\n`), example);
      }
    }
  }
  assert.deepEqual(await output("--version"), { code: 0, text: "1.2.3\n" });
});

Deno.test("every number says its range, and every option that is no switch what its value is", () => {
  for (const { options } of commands) {
    for (const [name, { value, range, choices, multiple }] of Object.entries(options)) {
      assert.equal(value === "number", range !== undefined, name);
      if (choices !== undefined || multiple === true) assert.ok(value !== undefined, name);
    }
  }
});

Deno.test("examples are understood", async () => {
  for (const { options, words, examples, name } of commands) {
    for (const example of examples) {
      const args = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
      const parsed = await given({ options, words }, ...args);
      assert.ok(parsed.words.length <= 1, `${name} ${example}`);
    }
  }
});

Deno.test("values are read as they are typed, numbers below 0 too", async () => {
  const options = generateOptions;
  const parsed = await given(
    { options },
    "a lake",
    "--seed",
    "-1",
    "-m",
    "x",
    "--lora",
    "a",
    "--lora=b:-0.5",
    "--json",
  );
  assert.deepEqual(parsed.words, ["a lake"]);
  assert.equal(parsed.number("seed"), -1);
  assert.equal(parsed.text("model"), "x");
  assert.deepEqual(parsed.texts("lora"), ["a", "b:-0.5"]);
  assert.deepEqual([parsed.flag("json"), parsed.flag("control-edges")], [true, false]);
  assert.equal(parsed.number("steps"), undefined);
  const filled = parsed.filledIn({ steps: "4", model: "y" });
  assert.deepEqual([filled.number("steps"), filled.text("model")], [4, "x"]);
  assert.deepEqual([filled.isGiven("steps"), filled.isGiven("model")], [false, true]);
  assert.throws(() => parsed.filledIn({ steps: "many" }), /Cannot read --steps many: expected a number/);
});

const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
  [["--modle", "x"], /^Unknown option --modle: did you mean --model\?$/],
  [["--nothing-like-it"], /^Unknown option --nothing-like-it: expected one of those that --help lists\.$/],
  [["--model"], /^Cannot read --model: nothing follows it/],
  [["-m"], /^Cannot read --model: nothing follows it/],
  [["--steps", "many"], /^Cannot read --steps many: expected a number, 1 … 1000\.$/],
  [["--steps", ""], /^Cannot read --steps : expected a number/],
  [["--control-scale", "1", "--control-scale", "x"], /^Cannot read --control-scale x: expected a number/],
  [["--rng", "dice"], /^Unknown --rng dice: expected one of cpu, cuda\.$/],
];
for (const [args, message] of mistakes) {
  Deno.test(`the program refuses ${args.join(" ")}`, async () => {
    await assert.rejects(given({ options: generateOptions }, ...args), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("the program refuses a command that it does not know, and says which was meant", async () => {
  const refusal =
    /^Unknown command "genrate": expected one of generate, inspect, download, quantize; did you mean generate\?$/;
  await assert.rejects(runProgram(commands, "1.2.3", ["genrate", "a"]), {
    name: "UsageError",
    message: refusal,
  });
});

Deno.test("a script's options are read in the same way", () => {
  const options = { prompts: { value: "number", text: "how many", range: "1 or more" } };
  const parsed = parseArguments(["out.png", "--prompts", "3"], options);
  assert.deepEqual([parsed.words, parsed.number("prompts")], [["out.png"], 3]);
  assert.throws(
    () => parseArguments(["--prompt", "3"], options),
    /Unknown option --prompt: did you mean --prompts\?/,
  );
});
