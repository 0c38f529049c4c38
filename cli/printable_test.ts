import assert from "node:assert/strict";
import { printable } from "./printable.ts";

Deno.test("nothing that moves a cursor reaches a terminal", () => {
  assert.equal(
    printable("a\x1b[2Jb\x07\x9bc\r\n\u202ed"),
    "a\\u001b[2Jb\\u0007\\u009bc\\u000d\\u000a\\u202ed",
  );
  assert.equal(printable("日本, Größe, 🎨"), "日本, Größe, 🎨");
});
