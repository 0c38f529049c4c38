/**
 * Where the Core ML tests run. On macOS that is Apple's framework, with the packages in `models/`. On Linux it is a
 * stand-in of ours on GNUstep's Foundation, which checks what it is given and computes the same functions: it shows
 * that the bridge speaks as Apple's headers want it to, not how Apple's framework answers.
 */
import { CoreMLBackend } from "../../backends/coreml/_backend.ts";
import { appleFrameworks, type Frameworks } from "../../backends/coreml/_frameworks.ts";
import type { CoreMLOptions } from "../../backends/coreml.ts";
import type { Backend } from "../../backends/backend.ts";
import models from "./models.json" with { type: "json" };

/** A model, as the stand-in reads it. */
export interface ModelSpec {
  readonly function: string;
  readonly inputs: Readonly<Record<string, FeatureSpec>>;
  readonly outputs: Readonly<Record<string, FeatureSpec>>;
  /** Whether rows of outputs are padded, as by the Neural Engine. */
  readonly padded?: boolean;
  /** Words of the error that loading, or every prediction, ends with. */
  readonly unloadable?: string;
  readonly failing?: string;
  /** Milliseconds that a prediction takes. */
  readonly delay?: number;
}

/** An input or output of a model. */
export interface FeatureSpec {
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Whether any size will do. */
  readonly flexible?: boolean;
  /** Whether it is a picture and no multi-array. */
  readonly image?: boolean;
  /** The input whose shape an output has. */
  readonly like?: string;
}

/** A model that both rigs have. */
export type ModelName = keyof typeof models;

/** What models.json says of a model. */
export function specOf(name: ModelName): ModelSpec {
  return models[name] as ModelSpec;
}

/** A place to run Core ML tests. */
export interface Rig {
  readonly frameworks: Frameworks;
  /** How far a number may be from the arithmetic in TypeScript; the stand-in's is the same to the last bit. */
  readonly tolerance: number;
  /** A backend of the rig. */
  backend(options?: CoreMLOptions): Backend;
  /** A temporary folder with models of the given names: compiled if the rig can, or packages if they say `.mlpackage`. */
  folder(models: Readonly<Record<string, ModelName | ModelSpec>>): Promise<TemporaryFolder>;
}

/** A folder that is removed when it is disposed. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync();

  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.path, { recursive: true });
  }
}

/** The stand-in, with its counters. */
export class StandIn implements Rig {
  readonly tolerance = 0;
  readonly frameworks: Frameworks;

  constructor(build: string) {
    const shim = `${build}/libobjc_shim.so`;
    this.frameworks = { objc: shim, foundation: shim, coreml: `${build}/libcoreml_standin.so` };
  }

  backend(options: CoreMLOptions = {}): Backend {
    return new CoreMLBackend(options, this.frameworks);
  }

  async folder(models: Readonly<Record<string, ModelName | ModelSpec>>): Promise<TemporaryFolder> {
    const folder = new TemporaryFolder();
    for (const [name, model] of Object.entries(models)) {
      const file = name.endsWith(".mlpackage") ? name : `${name}.mlmodelc`;
      await this.install(`${folder.path}/${file}`, typeof model === "string" ? specOf(model) : model);
    }
    return folder;
  }

  /** Writes a model for the stand-in. */
  async install(path: string, model: ModelSpec): Promise<void> {
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeTextFile(`${path}/standin.json`, JSON.stringify(model));
  }

  /** Objects that are alive: of Core ML's classes, and of Foundation's. */
  live(): { coreml: number; foundation: number } {
    using counters = open(this.frameworks.coreml);
    return {
      coreml: Number(counters.symbols.standin_live_objects()),
      foundation: Number(counters.symbols.standin_live_foundation_objects()),
    };
  }
}

/** Apple's framework, on the CPU so that numbers are float32 where the model's are. */
class AppleRig implements Rig {
  readonly tolerance = 2e-3;
  readonly frameworks = appleFrameworks;
  readonly #cacheFolder = Deno.makeTempDirSync();

  backend(options: CoreMLOptions = {}): Backend {
    return new CoreMLBackend(
      { computeUnits: "cpuOnly", cacheFolder: this.#cacheFolder, ...options },
      appleFrameworks,
    );
  }

  async folder(models: Readonly<Record<string, ModelName | ModelSpec>>): Promise<TemporaryFolder> {
    const folder = new TemporaryFolder();
    for (const [name, model] of Object.entries(models)) {
      const source = new URL(`./models/${model}.mlpackage`, import.meta.url).pathname;
      await copyFolder(source, `${folder.path}/${name.replace(/\.mlpackage$/, "")}.mlpackage`);
    }
    return folder;
  }
}

function open(library: string) {
  const counter = { parameters: [], result: "i64" } as const;
  const opened = Deno.dlopen(library, {
    standin_live_objects: counter,
    standin_live_foundation_objects: counter,
  });
  return { symbols: opened.symbols, [Symbol.dispose]: () => opened.close() };
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The rig of this machine, or why there is none. */
function openRig(): Rig | string {
  if (Deno.build.os === "darwin") return new AppleRig();
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    return "the stand-in for Core ML is written for Linux on x86-64";
  }
  const script = new URL("./build.sh", import.meta.url).pathname;
  const { success, stderr } = new Deno.Command(script, { stderr: "piped" }).outputSync();
  if (success) return new StandIn(new URL("./build", import.meta.url).pathname);
  return `the stand-in for Core ML does not build, it needs gcc, gobjc and libgnustep-base-dev: ${
    new TextDecoder().decode(stderr).trim().split("\n", 1)[0]
  }`;
}

/** One rig a process; building the stand-in takes a second or two. */
const rig = openRig();

/** A test that runs on both rigs. Without either it is skipped, or fails where `REQUIRE_ALL=1`. */
export function coremlTest(name: string, body: (rig: Rig) => Promise<void> | void): void {
  define(name, typeof rig === "string" ? rig : undefined, () => body(rig as Rig));
}

/** A test of what only the stand-in can show: counters, injected failures. On macOS it is always skipped. */
export function standInTest(name: string, body: (rig: StandIn) => Promise<void> | void): void {
  if (typeof rig !== "string" && !(rig instanceof StandIn)) {
    Deno.test({
      name: `${name} (skipped: needs the stand-in for Core ML, which is for Linux)`,
      ignore: true,
      fn() {},
    });
  } else {
    define(name, typeof rig === "string" ? rig : undefined, () => body(rig as StandIn));
  }
}

function define(name: string, missing: string | undefined, body: () => Promise<void> | void): void {
  const required = Deno.env.get("REQUIRE_ALL") === "1";
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && !required,
    fn() {
      if (missing !== undefined) throw new Error(`Cannot run this test: ${missing}.`);
      return body();
    },
  });
}
