/**
 * Type-checks the package as its users do, whose options may be weaker than the house's: what is right under
 * `exactOptionalPropertyTypes` need not be right without. `deno run -A tools/weaker_options.ts`.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";

const { exports, imports } = JSON.parse(readFileSync("deno.json", "utf8")) as Record<
  "exports" | "imports",
  Record<string, string>
>;
const folder = mkdtempSync(`${tmpdir()}/weaker-options-`);
try {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: false,
    noUncheckedIndexedAccess: false,
  };
  copyFileSync("deno.lock", `${folder}/deno.lock`); // the versions are the same, the members of the workspace are not
  writeFileSync(`${folder}/deno.json`, JSON.stringify({ imports, compilerOptions, nodeModulesDir: "none" }));
  const config = ["--quiet", "--config", `${folder}/deno.json`];
  const { status } = spawnSync(process.execPath, ["check", ...config, ...Object.values(exports)], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
