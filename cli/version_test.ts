import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };
import { VERSION } from "./_version.ts";

Deno.test("the version that the command prints is the package's", () => {
  assert.equal(VERSION, config.version);
});
