import assert from "node:assert/strict";
import { createSchedule } from "./ddpm.ts";

const rows = { data: Float32Array.of(-4, 1, 2, 3, 0.5, -0.25, 0, 0.125), shape: [2, 4] };

Deno.test("clipping cuts at the range", () => {
  const { data } = createSchedule({ clipSampleRange: 2 }).clip!(rows);
  assert.deepEqual([...data], [-2, 1, 2, 2, 0.5, -0.25, 0, 0.125]);
});

Deno.test("thresholding takes each row's own quantile, at least 1 and at most the largest value", () => {
  // |row 0| sorted: 1 2 3 4; the 0.5 quantile is 2.5. Row 1 is below 1 throughout and stays.
  const half = createSchedule({ thresholding: { ratio: 0.5, maxValue: 10 } });
  const cut = [-1, 0.4, 0.8, 1].map(Math.fround);
  assert.deepEqual([...half.threshold!(rows).data], [...cut, 0.5, -0.25, 0, 0.125]);
  const tight = createSchedule({ thresholding: { ratio: 0.5, maxValue: 2 } });
  assert.deepEqual([...tight.threshold!(rows).data.subarray(0, 4)], [-1, 0.5, 1, 1]);
});

Deno.test("thresholding wins over clipping, and without either nothing is limited", () => {
  const both = createSchedule({ clipSampleRange: 0.1, thresholding: { ratio: 1, maxValue: 8 } });
  assert.deepEqual([...both.clip!(rows).data.subarray(0, 2)], [-1, 0.25]);
  const { clip, threshold } = createSchedule();
  assert.ok(clip === undefined && threshold === undefined);
});
