/** The command line, run as a user runs it. */
import process from "node:process";
import { main } from "../cli/main.ts";

const root = new URL("..", import.meta.url).pathname;
/** The smallest model of the reference. */
export const model: string = `${root}tests/reference/pipelines/sd15-tiny`;
/** Options that make it quick. */
export const small: readonly string[] = [
  "--model",
  model,
  "--backend",
  "native",
  "--width",
  "64",
  "--height",
  "64",
  "--steps",
  "3",
];

/** Runs the command line in a folder of its own. */
export async function run(
  folder: string,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${root}deno.json`, `${root}cli/main.ts`, ...args],
    cwd: folder,
  }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Runs the command line in this process, which has no folder of its own, and takes what it prints. */
export async function output(
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [process.stdout.write, process.stderr.write];
  const printed = { out: "", err: "" };
  const into = (stream: keyof typeof printed) => (chunk: unknown) => {
    printed[stream] += String(chunk);
    return true;
  };
  process.stdout.write = into("out");
  process.stderr.write = into("err");
  try {
    return { code: await main(args), ...printed };
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
}

/** Calls a test with a new folder, and removes it. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
