/**
 * Carries `assets/mini` to users as modules: `deno task embed`. A package may not import bytes, and a fetch would
 * need the network; a module works from a registry, a bundler and `deno compile`, with no permission.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { deflateRawSync } from "node:zlib";

const assets = new URL("../assets/mini/", import.meta.url);
const header = "// Made by tools/embed.ts from the files beside it; change those.\n";

/** The modules that stand for the files of `assets/mini`, by their names. */
export function embeddedModules(): Map<string, string> {
  const modules = new Map<string, string>();
  const files: Record<string, string> = {};
  const components: string[] = [];
  for (const entry of readdirSync(assets, { recursive: true, encoding: "utf8" }).sort()) {
    const path = entry.replaceAll("\\", "/");
    const bytes = () => readFileSync(new URL(path, assets));
    if (path.endsWith(".safetensors")) {
      const component = path.split("/")[0]!;
      const packed = deflateRawSync(bytes(), { level: 9 }).toString("base64");
      const base64 = `const base64: string =\n  "${packed}";\n`;
      modules.set(`${component}.ts`, `${header}${base64}export default base64;\n`);
      components.push(component);
    } else if (/\.(json|txt)$/.test(path)) {
      files[path] = bytes().toString("utf8");
    }
  }
  const imports = components.map((name) => `  ${name}: () => import("./${name}.ts"),\n`).join("");
  const type = "Readonly<Record<string, () => Promise<{ readonly default: string }>>>";
  modules.set("weights.ts", `${header}const weights: ${type} = {\n${imports}};\nexport default weights;\n`);
  const texts = `const files: Readonly<Record<string, string>> = ${JSON.stringify(files, null, 2)};\n`;
  modules.set("files.ts", `${header}${texts}export default files;\n`);
  return modules;
}

if (import.meta.main) {
  for (const name of readdirSync(assets)) if (name.endsWith(".ts")) rmSync(new URL(name, assets));
  for (const [name, text] of embeddedModules()) writeFileSync(new URL(name, assets), text);
  process.stdout.write(`${[...embeddedModules().keys()].join("\n")}\n`);
}
