/**
 * What every family must do, as a list of checks for any test runner: it knows its own models and no others, its
 * prompts obey the rules of rows, a run gives the expected latents in every layout, each network is loaded once, and
 * nothing is left behind.
 *
 * @module
 */
import type { Backend, PartSource, Runner } from "../backends/backend.ts";
import type { GenerateOptions } from "../pipeline/generate_options.ts";
import { classifierFree } from "../core/guidance.ts";
import type { Model } from "../core/model.ts";
import { Pipeline } from "../pipeline/pipeline.ts";
import type { Encoded } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";
import { chooseFamily } from "../families/choose.ts";
import type { Family } from "../families/family.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { readComponents } from "../layouts/read_components.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { checkEqual, checkRejects } from "./_backend_world.ts";
import { check } from "./_sampler_world.ts";

/** A family under test. */
export interface FamilySuiteOptions {
  /** The family. */
  readonly family: Family;
  /** One model of it, in one layout or in several. */
  readonly folders: readonly ModelFolder[];
  /** Models of other families, which it must not recognise. @default {[]} */
  readonly foreign?: readonly ModelFolder[];
  /** Makes the backend; called for every check. */
  create(): Backend;
  /** What the model is opened with, as a tokenizer. @default {{}} */
  readonly options?: Omit<OpenModelOptions, "backend">;
  /** A run with a seed. */
  readonly run: GenerateOptions & { readonly seed: number };
  /** The latents that it must end with. */
  readonly expected: Tensor;
  /** Largest difference of a latent, relative to the largest expected one. */
  readonly tolerance: number;
}

/** One thing that a family must do. */
export interface FamilyCheck {
  /** The family's name and the property. */
  readonly name: string;
  /** Passes, or throws an error that says what is wrong. */
  run(): Promise<void>;
}

/** The checks that apply to a family. */
export function testFamily(suite: FamilySuiteOptions): FamilyCheck[] {
  const { family, folders, foreign = [] } = suite;
  const entry = (name: string, run: () => Promise<void>): FamilyCheck => ({
    name: `${family.name}: ${name}`,
    run,
  });
  return [
    ...folders.flatMap((folder) => [
      entry(`it recognises "${folder.name}"`, () => recognition(suite, folder)),
      entry(`prompts of "${folder.name}" become rows`, () => rows(suite, folder)),
      entry(
        `a run of "${folder.name}" gives the expected latents, loading each network once`,
        () => latents(suite, folder),
      ),
    ]),
    ...foreign.map((folder) =>
      entry(`it does not recognise "${folder.name}", which is refused by name`, () => refusal(suite, folder))
    ),
  ];
}

async function recognition({ family, options = {} }: FamilySuiteOptions, folder: ModelFolder): Promise<void> {
  const files = await readComponents(folder, options, [family]);
  const recognised = family.recognises(files);
  check(
    recognised !== undefined && recognised.because.length > 0,
    () => `"${folder.name}" is not recognised, expected a reason why it is one.`,
  );
  check(chooseFamily(files, [family]) === family, () => `"${folder.name}" is opened by another family.`);
}

async function refusal({ family, options = {} }: FamilySuiteOptions, folder: ModelFolder): Promise<void> {
  const choose = async () => chooseFamily(await readComponents(folder, options, [family]), [family]);
  await checkRejects(choose, "UnsupportedModelError", family.covers);
}

/** Each pass has a row a picture, and all passes have the same entries of the same shapes. */
async function rows(suite: FamilySuiteOptions, folder: ModelFolder): Promise<void> {
  const model = await open(suite, folder, suite.create());
  const guidance = (model.guidance ?? classifierFree)({ scale: 2 });
  const encoder = await model.textEncoder.get();
  try {
    const prompts = ["a", "a longer prompt"];
    const request = { prompts, passes: guidance.passes, width: model.size, height: model.size };
    checkRows(await encoder.encode(request), guidance.passes, prompts.length);
    checkRows(
      await encoder.encode({ ...request, negativePrompts: ["", "b"] }),
      guidance.passes,
      prompts.length,
    );
  } finally {
    await model.textEncoder.release();
    for (const { part } of model.unets.values()) await part.release(); // some layouts load one for its shapes
  }
}

function checkRows({ passes }: Encoded, names: readonly string[], count: number): void {
  const given = passes.map(({ name }) => name);
  check(`${given}` === `${names}`, () => `The passes are ${given}, expected ${names}.`);
  const shapes = passes.map(({ conditioning }) =>
    Object.entries(conditioning).map(([name, { shape }]) => `${name} [${shape}]`).sort().join(", ")
  );
  check(new Set(shapes).size === 1, () => `The passes have ${shapes.join("; ")}, expected equal shapes.`);
  for (const [name, { shape: [own] }] of Object.entries(passes[0]!.conditioning)) {
    check(own === count, () => `"${name}" has ${own} rows, expected one a picture: ${count}.`);
  }
}

async function latents(suite: FamilySuiteOptions, folder: ModelFolder): Promise<void> {
  const { backend, loads, alive } = counted(suite.create());
  {
    await using pipeline = new Pipeline(await open(suite, folder, backend));
    const { latents } = await pipeline.generate(suite.run);
    checkEqual(latents, suite.expected, suite.tolerance);
    check(new Set(loads).size === loads.length, () => `A network was loaded twice: ${loads.join(", ")}.`);
  }
  check(alive() === 0, () => `${alive()} networks are still loaded after the pipeline was disposed of.`);
}

async function open(
  { family, options = {} }: FamilySuiteOptions,
  folder: ModelFolder,
  backend: Backend,
): Promise<Model> {
  const files = await readComponents(folder, options, [family]);
  return await chooseFamily(files, [family]).open(files, { ...options, backend });
}

/** A backend that counts what it loads and frees. */
function counted(inner: Backend): { backend: Backend; loads: string[]; alive: () => number } {
  const loads: string[] = [];
  let alive = 0;
  const backend: Backend = {
    ...inner,
    async load(source, options): Promise<Runner> {
      const runner = await inner.load(source, options);
      const name = nameOf(source);
      if (name !== undefined) loads.push(name);
      alive++;
      let freed = false;
      return {
        inputs: runner.inputs,
        outputs: runner.outputs,
        run: (inputs, run) => runner.run(inputs, run),
        async [Symbol.asyncDispose]() {
          if (!freed) alive--;
          freed = true;
          await runner[Symbol.asyncDispose]();
        },
      };
    },
  };
  return { backend, loads, alive: () => alive };
}

/** What tells a program from others; one that was made in memory says nothing. */
function nameOf(source: PartSource): string | undefined {
  if (source.kind === "graph") return source.graph.name;
  if (source.kind === "coreml") return source.path;
  return typeof source.model === "string" ? source.model : undefined;
}
