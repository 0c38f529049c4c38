/**
 * ControlNet and ControlledUnet of Apple's layout.
 */
import assert from "node:assert/strict";
import type { Control, ControlOptions } from "../../core/parts.ts";
import { sizeOf, type Tensor, tensor } from "../../core/tensor.ts";
import { assertClose, basic, latents, modelTest, picture, unetOf, withControl } from "./_apple_models.ts";
import { half, unet } from "./_arithmetic.ts";
import { hiddenOf, residualsOf } from "./_reference.ts";
import type { Rig } from "./_rig.ts";

type TensorMap = Readonly<Record<string, Tensor>>;

const step = { latent: latents(2), timestep: 500, index: 0, steps: 4 };
const own = residualsOf(step.latent, step.timestep, picture());

/** Asks a control for one step; also how many of its residuals stayed on the backend. */
async function ask(
  control: Control,
  options: ControlOptions,
  base?: TensorMap,
): Promise<{ onDevice: number; residuals: TensorMap }> {
  await using prepared = await control.prepare(
    picture(),
    { encoder_hidden_states: hiddenOf("", "a") },
    options,
  );
  const residuals = await prepared.residuals(step, base) ?? {};
  const host: Record<string, Tensor> = {};
  let onDevice = 0;
  for (const [place, residual] of Object.entries(residuals)) {
    if (!("data" in residual)) onDevice++;
    host[place] = "data" in residual ? residual : await residual.read();
  }
  return { onDevice, residuals: host };
}

/** The residuals with a factor for each row and depth (0 at the first place, 1 at the last), plus a constant. */
function changed(factor: (row: number, depth: number) => number, constant: number = 0): TensorMap {
  const entries = Object.entries(own).map(([place, { data, shape }], i) => {
    const row = data.length / 2;
    const values = data.map((value, at) => value * factor(Math.floor(at / row), i / 12) + constant);
    return [place, { data: values, shape }];
  });
  return Object.fromEntries(entries);
}

function assertSame(actual: TensorMap, expected: TensorMap, rig: Rig): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [place, residual] of Object.entries(expected)) assertClose(actual[place]!, residual, rig);
}

modelTest(
  "control: its UNet takes the other's place when a control is first used",
  withControl,
  async (model, rig) => {
    const hidden = hiddenOf("a", "b");
    const expected = (residuals: readonly Tensor[]) =>
      unet(half(latents(2)), 500, half(hidden), residuals.map(half));
    await using predictor = await (await unetOf(model)).prepare({ encoder_hidden_states: hidden });
    assertClose(await predictor.predict(latents(2), 500), expected([]), rig);
    assertClose(await predictor.predict(latents(2), 500, own), expected(Object.values(own)), rig);
    assertClose(await predictor.predict(latents(2), 500), expected([]), rig);

    const row = own["mid"]!.data.slice(0, 16);
    const both = tensor(new Float32Array([...row, ...row]), [2, 16, 1, 1]);
    const mid = tensor(row, [1, 16, 1, 1]);
    assertClose(await predictor.predict(latents(2), 500, { mid }), expected([both]), rig);
    await assert.rejects(predictor.predict(latents(2), 500, { "down.0": mid }), {
      name: "UnsupportedModelError",
      message: /residuals to the UNet at down\.0: it was compiled with inputs for skip\.0, .*, mid/,
    });
  },
);

modelTest("control: without a ControlledUnet residuals are refused", basic, async (model) => {
  await using predictor = await (await unetOf(model)).prepare({ encoder_hidden_states: hiddenOf("a", "b") });
  await assert.rejects(predictor.predict(latents(2), 1, own), {
    name: "TypeError",
    message: /it has no ControlledUnet/,
  });
});

modelTest(
  "control: residuals stay on the backend, or are scaled and added",
  withControl,
  async (model, rig) => {
    const part = model.openControl!("Edges");
    assert.equal(model.openControl!("Edges"), part);
    const control = await part.get();

    const plain = await ask(control, {});
    assert.equal(plain.onDevice, 13);
    assertSame(plain.residuals, own, rig);

    const weak = await ask(control, { scale: 0.5 });
    assert.equal(weak.onDevice, 0);
    assertSame(weak.residuals, changed(() => 0.5), rig);

    const guess = await ask(control, { guessMode: true, unconditionalRows: 1 });
    assertSame(guess.residuals, changed((row, depth) => row === 0 ? 0 : 10 ** (depth - 1)), rig);

    const ones: TensorMap = Object.fromEntries(
      Object.entries(own).map(([place, { shape }]) => {
        const one = [1, ...shape.slice(1)];
        return [place, tensor(new Float32Array(sizeOf(one)).fill(1), one)];
      }),
    );
    assertSame((await ask(control, {}, ones)).residuals, changed(() => 1, 1), rig);
    assertSame((await ask(control, { window: [0.5, 1] }, ones)).residuals, ones, rig);
    assert.deepEqual((await ask(control, { window: [0.5, 1] })).residuals, {});
    await part.release();
  },
);

modelTest("control: residuals live for one step, and no longer", withControl, async (model) => {
  const part = model.openControl!("Edges");
  const prepared = await (await part.get()).prepare(picture(), { encoder_hidden_states: hiddenOf("", "a") });
  const first = (await prepared.residuals(step))!["mid"]!;
  const second = (await prepared.residuals({ ...step, index: 1 }))!["mid"]!;
  assert(!("data" in first) && !("data" in second));
  await assert.rejects(first.read(), /has been disposed/);
  await second.read();
  await prepared[Symbol.asyncDispose]();
  await assert.rejects(second.read(), /has been disposed/);
  await part.release();
});

modelTest("control: a picture of another size is refused", withControl, async (model) => {
  const part = model.openControl!("Edges");
  const control = await part.get();
  const small = tensor(new Float32Array(3 * 32 * 32), [1, 3, 32, 32]);
  await using prepared = await control.prepare(small, { encoder_hidden_states: hiddenOf("", "a") });
  await assert.rejects(prepared.residuals(step), {
    name: "RangeError",
    message: /32 × 32 pixels, expected 64 × 64/,
  });
  await part.release();
});
