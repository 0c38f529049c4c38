import assert from "node:assert/strict";
import { maxAbsDifference, readFixture, readJson } from "../tests/_fixtures.ts";
import { rowNoise, TorchGenerator, torchNoise } from "./torch_noise.ts";

/**
 * `tests/reference/rng` was made with PyTorch 2.13.0+cpu, for example
 * `torch.randn([1, 4, 16, 16], generator=torch.Generator("cpu").manual_seed(42))`.
 */
interface Entry {
  readonly op: string;
  readonly seed: number;
  readonly key?: string;
  readonly keys?: readonly string[];
  readonly dtype?: string;
}

const { entries } = await readJson<{ entries: Entry[] }>("rng/index.json");
const fixture = await readFixture("rng/torch_cpu_random.safetensors");

Deno.test("every float32 tensor of the fixture is reproduced bit for bit", () => {
  let tensors = 0;
  for (const { op, seed, key, dtype } of entries) {
    if (key === undefined || dtype !== "float32") continue;
    const { data } = fixture.float32(key);
    const generator = new TorchGenerator(seed);
    assert.deepEqual(op === "randn" ? generator.randn(data.length) : generator.rand(data.length), data, key);
    tensors++;
  }
  assert.equal(tensors, 127);
});

Deno.test("draws in a row continue one stream, keeping the unused half of a small draw", () => {
  for (const { seed, keys } of entries) {
    if (keys === undefined) continue;
    const noise = torchNoise(seed);
    for (const key of keys) {
      const { data, shape } = fixture.float32(key);
      assert.deepEqual(noise.normal(shape).data, data, key);
    }
  }
});

Deno.test("float64 draws agree to 1e-12, the fixture's limit: log and cos of another library", () => {
  for (const { seed, key, dtype } of entries) {
    if (key === undefined || dtype !== "float64") continue;
    const { data } = fixture.get(key)!;
    const difference = maxAbsDifference(new TorchGenerator(seed).randn64(data.length), data as Float64Array);
    assert.ok(difference < 1e-12, `${key}: ${difference}`);
  }
});

Deno.test("integers agree", () => {
  for (const { seed, key, dtype } of entries) {
    if (key === undefined || dtype !== "int64") continue;
    assert.deepEqual([...new TorchGenerator(seed).randint(2 ** 20, 8)], fixture.numbers(key));
  }
});

Deno.test("only the low 32 bits of a seed matter", () => {
  assert.deepEqual(torchNoise(2 ** 32 + 5).normal([20]), torchNoise(5).normal([20]));
  assert.notDeepEqual(torchNoise(2 ** 31 + 5).normal([20]), torchNoise(5).normal([20]));
});

Deno.test("a seed that is not a whole number from 0 to 2^53 - 1 is refused", () => {
  for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => torchNoise(seed), { name: "RangeError", message: /Cannot seed noise with/ });
  }
  assert.throws(() => new TorchGenerator(0).randint(0, 1), RangeError);
});

Deno.test("the moments of a long draw are those of N(0, 1)", () => {
  const n = 2 ** 20;
  const data = new TorchGenerator(9).randn(n);
  const moment = (k: number) => data.reduce((sum, x) => sum + x ** k, 0) / n;
  // Five standard errors of the estimates, √(1/n), √(2/n) and √(96/n).
  assert.ok(Math.abs(moment(1)) < 5 * Math.sqrt(1 / n));
  assert.ok(Math.abs(moment(2) - 1) < 5 * Math.sqrt(2 / n));
  assert.ok(Math.abs(moment(4) - 3) < 5 * Math.sqrt(96 / n));
});

Deno.test("row noise gives each row its own stream", () => {
  const noise = rowNoise([torchNoise(6), torchNoise(7)]);
  const [six, seven] = [torchNoise(6), torchNoise(7)];
  for (const shape of [[2, 3, 2], [2, 4, 5, 5]]) { // the small path, then the block path
    const row = [1, ...shape.slice(1)];
    const { data } = noise.normal(shape);
    assert.deepEqual([...data], [...six.normal(row).data, ...seven.normal(row).data]);
  }
  assert.throws(() => noise.normal([3, 4]), { name: "RangeError", message: /3 rows: there are 2 streams/ });
});
