/**
 * Mutated inputs by the thousand: `deno task fuzz --count N --seed S [--kind NAME]`. Each must be read, or refused with
 * one of our errors, in under five seconds. A kind runs in a process of its own, which starts again behind an input that
 * ended or hung it; the same seed gives the same inputs, and `--from I --count 1` runs one of them again.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { kinds } from "../tests/hostile/fuzz/kinds.ts";
import { randomBelow } from "../tests/hostile/fuzz/mutate.ts";

/** An input that takes longer counts as one that hangs. */
const longest = 5000;
const ours = [
  "TypeError",
  "RangeError",
  "WeightsError",
  "UnsupportedModelError",
  "BackendUnavailableError",
  "Error",
];

interface Tally {
  readonly kind: string;
  inputs: number;
  read: number;
  refused: number;
  raw: number;
  hangs: number;
  crashes: number;
  /** Most memory of its process, in MB. */
  peak: number;
  seconds: number;
  readonly examples: string[];
}

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    kind: { type: "string" },
    from: { type: "string", default: "0" },
    child: { type: "boolean", default: false },
  },
});
const [count, seed, from] = [Number(values.count), Number(values.seed), Number(values.from)];
if (values.child) await serve(values.kind!);
else process.exitCode = await runAll(values.kind === undefined ? Object.keys(kinds) : [values.kind]);

/** Reads `count` inputs from `from` on, and says what became of each. */
async function serve(name: string): Promise<void> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const one = await kinds[name]!.prepare();
  say("ready");
  for (let i = from; i < from + count; i++) {
    await Promise.try(one, randomBelow(seed * 1_000_003 + i)).then(
      () => say("read"),
      (error: Error) => say(isOurs(error) ? "refused" : `raw ${i} ${error?.name}: ${firstLine(error)}`),
    );
    if (i % 256 === 0 || i === from + count - 1) {
      say(`memory ${Math.round(process.memoryUsage().rss / 2 ** 20)}`);
    }
    if (i % 64 === 0) await new Promise((resolve) => setTimeout(resolve)); // lines go out
  }
  say("end");
}

function isOurs(error: unknown): boolean {
  return error instanceof Error && ours.includes(error.name) &&
    /^(Cannot|Unknown|Expected) /.test(error.message);
}

function firstLine(error: unknown): string {
  return JSON.stringify(String((error as Error)?.message ?? error).split("\n")[0]!.slice(0, 200));
}

async function runAll(names: readonly string[]): Promise<number> {
  const parts = names.reduce((sum, name) => sum + kinds[name]!.share, 0);
  const waiting = [...names];
  const tallies: Tally[] = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      tallies.push(await runKind(name, Math.ceil(count * kinds[name]!.share / parts)));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const columns = [
    "kind",
    "inputs",
    "read",
    "refused",
    "raw",
    "hangs",
    "crashes",
    "peak",
    "seconds",
  ] as const;
  const sum = (column: "inputs" | "read" | "refused" | "raw" | "hangs" | "crashes") =>
    tallies.reduce((total, tally) => total + tally[column], 0);
  const lines = tallies.sort((a, b) => names.indexOf(a.kind) - names.indexOf(b.kind)).map((tally) =>
    columns.map((column) => tally[column])
  );
  const totals = (["inputs", "read", "refused", "raw", "hangs", "crashes"] as const).map(sum);
  for (const line of [columns, ...lines, ["all", ...totals]]) process.stdout.write(`${line.join("\t")}\n`);
  for (const { kind, examples } of tallies) {
    for (const example of examples) process.stdout.write(`${kind}: ${example}\n`);
  }
  const bad = tallies.filter(({ kind, raw, hangs, crashes }) =>
    raw > 0 || kinds[kind]!.native !== true && hangs + crashes > 0
  );
  return bad.length > 0 ? 1 : 0;
}

/** One kind, in as many processes as it takes. */
async function runKind(kind: string, inputs: number): Promise<Tally> {
  const tally: Tally = {
    ...{ kind, inputs, read: 0, refused: 0, raw: 0, hangs: 0, crashes: 0, peak: 0, seconds: 0, examples: [] },
  };
  const start = performance.now();
  for (let next = from; next < from + inputs;) next = await runProcess(tally, next, from + inputs - next);
  tally.seconds = Math.round((performance.now() - start) / 1000);
  return tally;
}

/** Gives the number of the next input. */
async function runProcess(tally: Tally, first: number, left: number): Promise<number> {
  const args = [
    "--child",
    "--kind",
    tally.kind,
    "--from",
    `${first}`,
    "--count",
    `${left}`,
    "--seed",
    `${seed}`,
  ];
  const child = spawn(process.execPath, ["run", "-A", "--no-check", import.meta.filename!, ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let [next, ended, hung] = [first, false, false];
  let watch: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, longest);
  };
  for await (const line of createInterface({ input: child.stdout })) {
    alive();
    const [word, ...rest] = line.split(" ");
    if (word === "end") ended = true;
    else if (word === "memory") tally.peak = Math.max(tally.peak, Number(rest[0]));
    else if (word === "read" || word === "refused" || word === "raw") {
      tally[word]++;
      next++;
      if (word === "raw" && tally.examples.length < 5) tally.examples.push(rest.join(" "));
    }
  }
  clearTimeout(watch);
  if (ended) return next;
  tally[hung ? "hangs" : "crashes"]++;
  if (tally.examples.length < 5) tally.examples.push(`${next} ${hung ? "hangs" : "ends the process"}`);
  return next + 1;
}
