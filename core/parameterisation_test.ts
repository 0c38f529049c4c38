import assert from "node:assert/strict";
import { maxAbsDifference } from "../tests/_fixtures.ts";
import { addNoise, parameterise } from "./parameterisation.ts";
import { noiseLevel } from "../schedules/ddpm.ts";
import { torchNoise } from "../noise/torch_noise.ts";

const shape = [2, 3];
const [x0, epsilon] = [torchNoise(1).normal(shape), torchNoise(2).normal(shape)];

Deno.test("every kind of output gives back the x0 and the epsilon that the latent was made of", () => {
  for (const alphaCumprod of [0.99, 0.5, 0.005]) {
    const level = noiseLevel(0, alphaCumprod);
    const z = addNoise(x0, epsilon, level);
    const v = addNoise(epsilon, x0, { ...level, sigma: -level.sigma }); // α·epsilon − σ·x0
    for (const [raw, type] of [[epsilon, "epsilon"], [x0, "sample"], [v, "v_prediction"]] as const) {
      const denoised = parameterise(raw, z, level, type);
      assert.equal(denoised.raw, raw);
      // float32's unit times 1/α or 1/σ, 14 at most here
      assert.ok(maxAbsDifference(denoised.x0.data, x0.data) < 5e-6, type);
      assert.ok(maxAbsDifference(denoised.epsilon.data, epsilon.data) < 5e-6, type);
    }
  }
});

Deno.test("without signal v and x0 prediction work, and epsilon prediction is refused", () => {
  const level = noiseLevel(999, 0);
  assert.deepEqual(parameterise(x0, epsilon, level, "sample").epsilon.data, epsilon.data);
  assert.deepEqual(parameterise(x0, epsilon, level, "v_prediction").x0.data, x0.data.map((value) => -value));
  assert.throws(() => parameterise(epsilon, epsilon, level, "epsilon"), {
    name: "RangeError",
    message: /from epsilon at timestep 999: the signal is zero there/,
  });
});
