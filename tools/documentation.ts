/**
 * Checks what the docs say: every entry of the package has its `@module`, and code in docstrings and Markdown, also what
 * is marked `ignore`, imports only names that exist. `deno run -A tools/documentation.ts`.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import process from "node:process";

const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as { exports: Record<string, string> };
const silent = Object.values(exports).filter((path) =>
  !/^\/\*\*[^]*?\* @module\b[^]*?\*\//.test(readFileSync(path, "utf8"))
);
if (silent.length > 0) refuse("Entries of the package without @module", silent);

let count = 0;
const sources = globSync(["**/*.ts", "**/*.md"], { exclude: ["node_modules", "training", "tests"] });
const { status, stderr } = spawnSync(process.execPath, ["run", "--check", "-"], {
  input: sources.flatMap((path) => fencedImports(path, readFileSync(path, "utf8"))).join("\n"),
  encoding: "utf8",
});
if (status !== 0) {
  refuse("Code in the docs that imports what is not there (the path is behind each line)", [stderr]);
}

/** The imports of a file's code fences, as of types: nothing runs, and their names may be said twice. */
function fencedImports(path: string, text: string): string[] {
  const fences = text.matchAll(/^(?<margin>[ \t]*(?:\* )?)```ts\b.*\n(?<code>[^]*?)^\k<margin>```/gm);
  const code = [...fences].map(({ groups }) => groups!["code"]!.replaceAll(/^[ \t]*\* ?/gm, "")).join("\n");
  return [...code.matchAll(/^import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+"(@mobile-diffusion[^"]*)"/gm)].map(
    ([, names, from]) => {
      const each = names!.split(",").map((name) => name.trim().replace(/^type\s+/, "")).filter(Boolean);
      return `import type { ${
        each.map((name) => `${name.split(" ")[0]} as _${count++}`).join(", ")
      } } from "${from}"; // ${path}`;
    },
  );
}

function refuse(what: string, lines: readonly string[]): never {
  process.stderr.write(`${what}:\n${lines.map((line) => `  ${line}\n`).join("")}`);
  process.exit(1);
}
