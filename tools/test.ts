/**
 * Runs all tests and ends with one line, `N passed, N failed`: `deno task test`. A test that is skipped because
 * something is missing on this machine says so; where `REQUIRE_ALL=1` is set, it fails instead.
 */
import { spawn } from "node:child_process";
import process from "node:process";

const args = ["test", "-A", "--doc", "--reporter=pretty", ...process.argv.slice(2)];
const child = spawn(process.execPath, args, {
  stdio: ["ignore", "pipe", "inherit"],
  env: { ...process.env, NO_COLOR: "1" },
});
let tail = "";
child.stdout.on("data", (chunk: Uint8Array) => {
  process.stdout.write(chunk);
  tail = (tail + new TextDecoder().decode(chunk)).slice(-4000);
});
child.on("close", (status) => {
  const [, passed, failed, ignored] = tail.match(
    /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored)?/,
  ) ?? [];
  process.stdout.write(
    `${passed ?? 0} passed, ${failed ?? 1} failed${ignored === undefined ? "" : `, ${ignored} skipped`}\n`,
  );
  process.exit(status ?? 1);
});
