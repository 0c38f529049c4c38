/** The native runtime writes no files of its own and looks no host up, with all permissions and with the least. */
import assert from "node:assert/strict";
import process from "node:process";
import { testPath } from "../_networks.ts";

const strace = "/usr/bin/strace";
const there = await Deno.stat(strace).then(() => true, () => false);
const missing = !there && process.env.REQUIRE_ALL !== "1";
const reason = missing ? " (skipped: strace is not installed)" : "";

for (const permissions of [["-A"], ["--allow-ffi", "--allow-read"]]) {
  Deno.test({
    name: `native leaves nothing behind with ${permissions.join(" ")}${reason}`,
    ignore: missing || Deno.build.os !== "linux",
    async fn() {
      const home = await Deno.makeTempDir();
      const model = testPath("./data/onnx_sd15_tiny/vae_encoder/model.onnx");
      const program = `
        import { native } from "${new URL("../../backends/native.ts", import.meta.url).href}";
        await using runner = await native().load({ kind: "onnx", model: ${JSON.stringify(model)} });
        await new Promise((resolve) => setTimeout(resolve, 1000));`;
      try {
        await Deno.writeTextFile(`${home}/load.ts`, program);
        const { code, stderr } = await new Deno.Command(strace, {
          args: [
            "-f",
            "-o",
            `${home}/trace`,
            "-e",
            "trace=openat,connect",
            Deno.execPath(),
            "run",
            "--no-check",
            ...permissions,
            "--config",
            testPath("../deno.json"),
            `${home}/load.ts`,
          ],
          env: {
            XDG_CACHE_HOME: `${home}/cache`,
            TMPDIR: home,
            DENO_NO_UPDATE_CHECK: "1",
            DENO_DIR: denoDir(),
          },
        }).output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        const trace = await Deno.readTextFile(`${home}/trace`);
        assert.match(trace, /libonnxruntime/); // it was loaded, so that the rest says something
        assert.doesNotMatch(trace, /\.onnxruntime\/|mat-debug-/);
        assert.doesNotMatch(trace, /connect\(.*AF_INET/);
      } finally {
        await Deno.remove(home, { recursive: true });
      }
    },
  });
}

/** Where Deno keeps what it has downloaded, which the test's own cache folder would hide. */
function denoDir(): string {
  return process.env["DENO_DIR"] ??
    `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/deno`;
}
