import assert from "node:assert/strict";
import { contactSheet } from "./contact_sheet.ts";

const plain = (level: number, width = 2, height = 1) => ({
  width,
  height,
  data: new Uint8Array(3 * width * height).fill(level),
});

Deno.test("pictures stand side by side, row by row, on white", () => {
  const { width, height, data } = contactSheet([plain(1), plain(2), plain(3)], { columns: 2, gap: 1 });
  assert.deepEqual([width, height], [5, 3]);
  const red = Array.from({ length: 15 }, (_, i) => data[3 * i]);
  assert.deepEqual(red, [1, 1, 255, 2, 2, 255, 255, 255, 255, 255, 3, 3, 255, 255, 255]);
});

Deno.test("one row is as wide as its pictures", () => {
  assert.equal(contactSheet([plain(1), plain(2)], { columns: 8 }).width, 4);
  assert.equal(contactSheet([plain(1), plain(2)]).height, 1);
});

Deno.test("a sheet that cannot be is refused", () => {
  assert.throws(() => contactSheet([]), { name: "RangeError", message: /at least one/ });
  assert.throws(() => contactSheet([plain(1), plain(1, 3)]), { name: "RangeError", message: /one size/ });
  assert.throws(() => contactSheet([plain(1)], { columns: 0 }), { name: "RangeError" });
  assert.throws(() => contactSheet([plain(1)], { gap: 0.5 }), { name: "RangeError" });
});
