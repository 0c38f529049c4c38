/** A consumer's project outside the repository, made from the packed tarballs. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pack } from "../../tools/pack.ts";

/** What a consumer develops with, and the runtime, which only JSR's form wants from npm; the long run has more. */
const tools: readonly string[] = [
  "onnxruntime-web@1.30.0",
  "vite@8.3.8",
  "esbuild@0.28.2",
  "typescript@7.0.2",
  "@types/node@24",
];
const moreTools: readonly string[] = ["vite7@npm:vite@7.3.8", "webpack@5.112.2", "webpack-cli@7.3.1"];

/** The two forms of the package, each in a project of its own; they share what npm installed. */
export type Form = "npm" | "jsr";

/** The projects. */
export class Scratch implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), "consumer-"));

  /** Packs and installs. */
  static async make(long: boolean): Promise<Scratch> {
    const scratch = new Scratch();
    const { npm, jsr } = await pack(join(scratch.root, "packed"));
    const project = scratch.folder("npm");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), `{ "name": "app", "type": "module", "private": true }`);
    const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    scratch.run("npm", [...install, npm]);
    scratch.run("npm", [...install, "-D", ...tools, ...long ? moreTools : []]);
    scratch.run(process.execPath, ["run", "-A", "node_modules/esbuild/install.js"]);
    scratch.#unpack(jsr);
    for (const form of ["npm", "jsr"] as const) {
      const app = new URL("./app/", import.meta.url).pathname;
      for (const file of readdirSync(app)) copyFileSync(app + file, join(scratch.folder(form), file));
    }
    return scratch;
  }

  /** JSR's form has the same dependencies. */
  #unpack(tarball: string): void {
    const modules = join(this.folder("jsr"), "node_modules");
    const sdk = join(modules, "@mobile-diffusion/sdk");
    mkdirSync(sdk, { recursive: true });
    this.run("tar", ["-xf", tarball, "-C", sdk, "--strip-components=1"]);
    const shared = join(this.folder("npm"), "node_modules");
    for (const name of readdirSync(shared)) {
      if (name !== "@mobile-diffusion") symlinkSync(join(shared, name), join(modules, name));
    }
    writeFileSync(
      join(this.folder("jsr"), "package.json"),
      `{ "name": "app", "type": "module", "private": true }`,
    );
  }

  /** Where a form's project is. */
  folder(form: Form): string {
    return join(this.root, form);
  }

  /** Runs a command in a project and gives what it prints. */
  run(command: string, args: readonly string[], form: Form = "npm"): string {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.folder(form),
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
      maxBuffer: 2 ** 28,
    });
    if (status !== 0) {
      throw new Error(`${command} ${args.join(" ")} ends with ${status}:\n${stdout}${stderr}`);
    }
    return stdout;
  }

  /** Bytes of what is installed for production. */
  installedSize(): number {
    const paths = this.run("npm", ["ls", "--omit=dev", "--all", "--parseable"]).trim().split("\n").slice(1);
    return paths.reduce((sum, path) => sum + sizeOf(path), 0);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Bytes of a package, without packages inside it: they are listed too. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? sum : sum + sizeOf(path);
    return sum + statSync(path).size;
  }, 0);
}
