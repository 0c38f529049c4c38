/** Checks of how a backend's runners behave. */
import type { DeviceTensor } from "../core/tensor.ts";
import type { AnyTensor, Runner } from "../backends/backend.ts";
import {
  type BackendSuite,
  checkEqual,
  checkRejects,
  doubled,
  doubling,
  host,
  ramp,
  source,
  withRunner,
} from "./_backend_world.ts";
import { check } from "./_sampler_world.ts";

const x = ramp(2, 3);

/** Ports are those of the program, in its words. */
export async function ports(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling(), ({ inputs, outputs }) => {
    const [input, output] = [inputs[0], outputs[0]];
    check(
      inputs.length === 1 && input?.name === "x",
      () => `The inputs are ${inputs.map(({ name }) => name)}, expected x.`,
    );
    check(
      outputs.length === 1 && output?.name === "y",
      () => `The outputs are ${outputs.map(({ name }) => name)}, expected y.`,
    );
    check(input!.dtype === "float32", () => `The input is declared ${input!.dtype}, expected float32.`);
    check(
      `${input!.shape}` === "rows,3",
      () => `The input is declared [${input!.shape}], expected [rows,3].`,
    );
    return Promise.resolve();
  });
}

/** Free sizes may change from call to call; those that were promised may not. */
export async function sizes(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling("width"), async (runner) => {
    for (const input of [ramp(1, 4), ramp(3, 2), ramp(1, 4)]) {
      checkEqual(host((await runner.run({ x: input })).y), doubled(input), suite.tolerance);
    }
  });
  const promised = { dimensions: { rows: 2 } };
  await withRunner(suite, doubling(), async (runner) => {
    checkEqual(host((await runner.run({ x })).y), doubled(x), suite.tolerance);
    await checkRejects(() => runner.run({ x: ramp(1, 3) }), "RangeError", '"x"');
  }, promised);
}

/** Inputs of other element types are converted, single elements fit every rank, and arrays stay as they were. */
export async function conversions(suite: BackendSuite): Promise<void> {
  const program = source((g) => {
    const ids = g.input("ids", "int64", ["tokens"]);
    const scale = g.input("scale", "float32", []);
    return { y: g.multiply("scaled", g.cast("ids", ids, "float32"), scale) };
  });
  const expected = { data: Float32Array.of(2, 4), shape: [2] };
  await withRunner(suite, program, async (runner) => {
    for (
      const data of [
        BigInt64Array.of(1n, 2n),
        Int32Array.of(1, 2),
        Float32Array.of(1, 2),
        Uint8Array.of(1, 2),
      ]
    ) {
      for (const shape of [[], [1]]) {
        const scale = { data: Float32Array.of(2), shape };
        const { y } = await runner.run({ ids: { data, shape: [2] }, scale });
        checkEqual(host(y), expected, suite.tolerance);
        check(data.length === 2 && scale.data[0] === 2, () => "A run took its inputs away.");
      }
    }
  });
}

/** An output is the caller's: a later run does not write into it. */
export async function outputs(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling(), async (runner) => {
    const first = host((await runner.run({ x })).y);
    const copy = { data: first.data.slice(), shape: first.shape };
    await runner.run({ x: { data: x.data.map((value) => value + 1), shape: x.shape } });
    checkEqual(first, copy, 0);
  });
}

/** Kept outputs stay on the backend and are inputs of its other runners. */
export async function keep(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling(), async (runner, backend) => {
    const { y } = await runner.run({ x }, { keep: ["y"] });
    check(y !== undefined && "read" in y, () => "The output named in keep is not a device tensor.");
    check(`${y.shape}` === "2,3", () => `The kept output has shape [${y.shape}], expected [2,3].`);
    checkEqual(await y.read(), doubled(x), suite.tolerance);
    await using other = await backend.load(doubling());
    for (const next of [runner, other]) {
      checkEqual(host((await next.run({ x: y })).y), doubled(doubled(x)), suite.tolerance);
    }
    y[Symbol.dispose]();
    y[Symbol.dispose]();
    await checkRejects(() => y.read(), "TypeError", "disposed");
    await checkRejects(() => runner.run({ x: y }), "TypeError", "disposed");
    await checkRejects(() => runner.run({ x }, { keep: ["z"] }), "TypeError", '"z"');
  });
}

/** Calls made at the same time are all served, in the order in which they came. */
export async function order(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling("width"), async (runner) => {
    const inputs = [6000, 1, 2000, 3].map((width) => ramp(1, width));
    const finished: number[] = [];
    const outputs = await Promise.all(inputs.map(async (input, i) => {
      const { y } = await runner.run({ x: input });
      finished.push(i);
      return host(y);
    }));
    outputs.forEach((output, i) => checkEqual(output, doubled(inputs[i]!), suite.tolerance));
    check(`${finished}` === "0,1,2,3", () => `Calls 0,1,2,3 were served in the order ${finished}.`);
  });
}

/** Mistakes of the caller are named, and do no harm. */
export async function mistakes(suite: BackendSuite): Promise<void> {
  await withRunner(suite, doubling(), async (runner) => {
    await checkRejects(() => runner.run({}), "TypeError", '"x"');
    await checkRejects(() => runner.run({ x, z: x }), "TypeError", '"z"');
    await checkRejects(() => runner.run({ x: ramp(2, 3, 1) }), "TypeError", '"x"');
    await checkRejects(() => runner.run({ x: ramp(2, 4) }), "RangeError", '"x"');
    await checkRejects(() => runner.run({ x: { data: x.data, shape: [3, 3] } }), "RangeError", '"x"');
    checkEqual(host((await runner.run({ x })).y), doubled(x), suite.tolerance);
  });
}

/** A signal rejects with its own reason: before, while waiting, and during a load; and harms no other call. */
export async function signals(suite: BackendSuite): Promise<void> {
  const reason = new Error("enough");
  const fired = AbortSignal.abort(reason);
  const backend = await suite.create();
  await checkReason(() => backend.load(doubling(), { signal: fired }), reason);
  await withRunner(suite, doubling(), async (runner) => {
    await checkReason(() => runner.run({ x }, { signal: fired }), reason);
    const controller = new AbortController();
    const before = runner.run({ x });
    const waiting = checkReason(() => runner.run({ x }, { signal: controller.signal }), reason);
    const after = runner.run({ x });
    controller.abort(reason);
    await waiting;
    for (const served of [await before, await after, await runner.run({ x })]) {
      checkEqual(host(served.y), doubled(x), suite.tolerance);
    }
    const quiet = new AbortController();
    await runner.run({ x }, { signal: quiet.signal });
    quiet.abort(); // too late to matter
    checkEqual(host((await runner.run({ x })).y), doubled(x), suite.tolerance);
  });
}

/** Disposal waits for what is under way, happens once, and leaves other runners alone. */
export async function disposal(suite: BackendSuite): Promise<void> {
  const backend = await suite.create();
  const [one, other]: readonly Runner[] = [await backend.load(doubling()), await backend.load(doubling())];
  const under = one!.run({ x });
  const kept: Record<string, AnyTensor> = await one!.run({ x }, { keep: ["y"] });
  await one![Symbol.asyncDispose]();
  checkEqual(host((await under).y), doubled(x), suite.tolerance);
  await one![Symbol.asyncDispose]();
  await checkRejects(() => one!.run({ x }), "TypeError", "disposed");
  checkEqual(host((await other!.run({ x: kept.y! })).y), doubled(doubled(x)), suite.tolerance);
  (kept.y as DeviceTensor)[Symbol.dispose]();
  await other![Symbol.asyncDispose]();
}

async function checkReason(work: () => Promise<unknown>, reason: unknown): Promise<void> {
  const outcome = await work().then(() => "a result", (error: unknown) => error);
  check(
    outcome === reason,
    () => `A call whose signal fired ended with ${outcome}, expected the signal's reason.`,
  );
}
