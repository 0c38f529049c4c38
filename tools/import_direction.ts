/** Checks that imports only point down the house, and never in a circle: `deno run -R tools/import_direction.ts`. */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** Rooms from the top down; a file imports from its own room and from rooms below it. */
const rooms = [
  "cli",
  "mod.ts",
  "presets",
  "layouts",
  "families",
  "parts",
  "adapters",
  "backends",
  "models",
  "graph",
  "weights",
  "samplers",
];
/** Rooms at the bottom, beside each other: they import core only; core imports nothing. */
const leaves = ["hub", "tokenizer", "image", "testing", "assets", "schedules", "pipeline", "noise"];
/** What a leaf may import beyond core: the suites know contracts, a pipeline draws noise. */
const alsoAllowed: Readonly<Record<string, readonly string[]>> = {
  pipeline: ["noise"],
  testing: [
    "backends/backend.ts",
    "backends/precision.ts",
    "families",
    "graph",
    "layouts",
    "noise",
    "pipeline",
    "schedules",
    "weights",
  ],
};

const problems: string[] = [];
/** What each file imports when it runs; types are erased and may point back. */
const runs = new Map<string, string[]>();
for (const entry of readdirSync(".", { recursive: true, encoding: "utf8" })) {
  const path = entry.replaceAll("\\", "/");
  const room = path.split("/")[0]!;
  if (!path.endsWith(".ts") || path.endsWith("_test.ts") || ![...rooms, ...leaves, "core"].includes(room)) {
    continue;
  }
  const source = readFileSync(path, "utf8");
  for (const [, specifier] of source.matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g)) {
    const target = resolve(specifier!, path);
    if (!allowed(room, target)) problems.push(`${path} imports ${target}`);
  }
  const values = /^(?:import|export)\s+(?!type\b)[^;"]*?from\s+"(\.{1,2}\/[^"]+)"/gm;
  runs.set(path, [...source.matchAll(values)].map(([, specifier]) => resolve(specifier!, path)));
}
for (const circle of circles()) problems.push(`${circle.join(" imports ")}, a circle`);
if (problems.length > 0) {
  process.stderr.write(
    `Imports that run up the house or in a circle:\n${problems.map((line) => `  ${line}\n`).join("")}`,
  );
  process.exit(1);
}

function allowed(room: string, target: string): boolean {
  const other = target.split("/")[0]!;
  if (other === room || other === "core") return true;
  if (room === "core") return false;
  if (leaves.includes(room)) return (alsoAllowed[room] ?? []).some((prefix) => target.startsWith(prefix));
  if (room === "samplers") return false;
  return leaves.includes(other) || rooms.indexOf(other) > rooms.indexOf(room);
}

function resolve(specifier: string, from: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** Files that import themselves by way of others, one circle for each that is found first. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) return void found.push([...path.slice(start), file]);
    if (done.has(file)) return;
    for (const target of runs.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of runs.keys()) visit(file, []);
  return found;
}
