/**
 * The gate: everything that must hold before a change is committed. `deno task ok`; `deno task gate` leaves the tests
 * out.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";

const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as { exports: Record<string, string> };

const steps: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "."],
  ["run", "-R", "tools/import_direction.ts"],
  ["run", "-A", "tools/documentation.ts"],
  ["run", "-A", "tools/weaker_options.ts"],
  ["doc", "--lint", ...Object.values(exports)],
  ["publish", "--dry-run", "--allow-dirty"],
  ...process.argv.includes("--no-tests") ? [] : [["run", "-A", "tools/test.ts"]],
];

for (const step of steps) {
  process.stderr.write(`deno ${step.slice(0, 3).join(" ")}\n`);
  const quiet = step[0] === "doc" || step[0] === "publish";
  const { status, stdout, stderr } = spawnSync(process.execPath, step, {
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    maxBuffer: 2 ** 28,
  });
  if (status === 0) continue;
  if (quiet) process.stderr.write(`${step[0] === "doc" ? "" : stdout}${stderr}`);
  process.exit(status ?? 1);
}
