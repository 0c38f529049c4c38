/** The gate: everything that must hold before a change is committed. `deno task ok`. */
import { spawnSync } from "node:child_process";
import process from "node:process";

const steps: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "."],
  ["run", "-R", "tools/import_direction.ts"],
  ["doc", "--lint", "--quiet", ...publicModules()],
  ["publish", "--dry-run", "--allow-dirty", "--quiet"],
  ["run", "-A", "tools/test.ts"],
];

for (const step of steps) {
  process.stderr.write(`deno ${step.slice(0, 3).join(" ")}\n`);
  const { status } = spawnSync(process.execPath, step, { stdio: ["ignore", step[0] === "doc" ? "ignore" : "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function publicModules(): string[] {
  const { exports } = JSON.parse(Deno.readTextFileSync("deno.json")) as { exports: Record<string, string> };
  return Object.values(exports);
}
