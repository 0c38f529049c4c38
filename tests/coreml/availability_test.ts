/**
 * Where there is no Core ML, or no permission for it, the backend says so; importing it does nothing.
 */
import assert from "node:assert/strict";
import { coreml } from "../../backends/coreml.ts";
import { requireCoreML } from "../../backends/coreml/_availability.ts";
import { appleFrameworks, type Frameworks } from "../../backends/coreml/_frameworks.ts";
import { coremlTest, type Rig } from "./_rig.ts";

const source = { kind: "coreml", path: "Unet.mlmodelc" } as const;

/** Runs a program in a Deno of its own; gives what it prints. */
async function run(program: string, ...permissions: string[]): Promise<string> {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(script, program);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", "--no-config", "--no-lock", ...permissions, script],
    env: { NO_COLOR: "1" },
  }).output();
  await Deno.remove(script);
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** A program that loads the Copy model and prints its first input, or the error. */
async function loadWith(
  rig: Rig,
  frameworks: Frameworks,
  options: string,
  ...permissions: string[]
): Promise<string> {
  await using folder = await rig.folder({ "Copy.mlpackage": "Copy" });
  const backend = new URL("../../backends/coreml/_backend.ts", import.meta.url);
  return await run(
    `import { CoreMLBackend } from "${backend}";
    const frameworks = ${JSON.stringify(frameworks)};
    const backend = new CoreMLBackend({ cacheFolder: "${folder.path}/cache", ${options} }, frameworks);
    try {
      await using runner = await backend.load({ kind: "coreml", path: "${folder.path}/Copy.mlpackage" });
      console.log(runner.inputs[0].name);
    } catch (error) {
      console.log(String(error));
    }`,
    ...permissions,
  );
}

Deno.test("availability: importing asks for nothing, and loads nothing", async () => {
  const module = new URL("../../backends/coreml.ts", import.meta.url);
  assert.equal(await run(`import { coreml } from "${module}"; console.log(coreml().name);`), "coreml\n");
});

Deno.test("availability: off macOS it says so", async () => {
  if (Deno.build.os === "darwin") return;
  await assert.rejects(coreml().load(source), {
    name: "BackendUnavailableError",
    message:
      `Cannot use Core ML: this is ${Deno.build.os}, and only macOS has it. Take another backend here.`,
  });
});

Deno.test("availability: without Deno.dlopen it says so", async () => {
  const { dlopen } = Deno;
  try {
    Object.defineProperty(Deno, "dlopen", { value: undefined, configurable: true, writable: true });
    await assert.rejects(requireCoreML(appleFrameworks), {
      name: "BackendUnavailableError",
      message: /this runtime has no Deno\.dlopen/,
    });
  } finally {
    Object.defineProperty(Deno, "dlopen", { value: dlopen, configurable: true, writable: true });
  }
});

coremlTest("availability: without permission, or with a part of it, it says which it needs", async (rig) => {
  const missing = /^BackendUnavailableError: .*foreign functions are not permitted\. Run with --allow-ffi/;
  assert.match(await loadWith(rig, rig.frameworks, ""), missing);
  assert.match(await loadWith(rig, rig.frameworks, "", `--allow-ffi=${rig.frameworks.coreml}`), missing);
});

coremlTest("availability: in place, --allow-ffi is all it takes, even to compile", async (rig) => {
  assert.equal(await loadWith(rig, rig.frameworks, "worker: false", "--allow-ffi"), "float_\n");
});

coremlTest("availability: from files, the worker's module must be readable", async (rig) => {
  assert.match(
    await loadWith(rig, rig.frameworks, "", "--allow-ffi"),
    /BackendUnavailableError: .*Requires read access.*_worker\.js/,
  );
  const sdk = new URL("../..", import.meta.url).pathname;
  assert.equal(await loadWith(rig, rig.frameworks, "", "--allow-ffi", `--allow-read=${sdk}`), "float_\n");
});

coremlTest("availability: a library that is not there is named", async (rig) => {
  const broken = { ...rig.frameworks, coreml: "/no/such/CoreML" };
  assert.match(
    await loadWith(rig, broken, "", "-A"),
    /BackendUnavailableError: Cannot use Core ML: .*\/no\/such\/CoreML/,
  );
});
