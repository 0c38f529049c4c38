/** The command line between other programs: readers that go away, logs in place of terminals, signals. */
import assert from "node:assert/strict";
import { FakeHub, neededFiles } from "../hub/_testing.ts";
import { inFolder, model, run, small } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;
const command = [Deno.execPath(), "run", "-A", "--config", `${root}deno.json`, `${root}cli/main.ts`];

for (
  const [what, script] of [
    ["standard output", '"$@" 2> said | true'],
    ["standard error", '{ "$@" 2>&1 > said; } | true'],
  ] as const
) {
  Deno.test({
    name: `a reader of ${what} that goes away costs no picture, and is nothing to talk about`,
    ignore: Deno.build.os === "windows", // it has no such shell
    fn: () =>
      inFolder(async (folder) => {
        const args = ["generate", "a lake", ...small, "--seed", "1", "--json"];
        const { stderr } = await new Deno.Command("sh", {
          args: ["-c", script, "sh", ...command, ...args],
          cwd: folder,
        }).output();
        assert.ok((await Deno.stat(`${folder}/out.png`)).size > 1000);
        const said = await Deno.readTextFile(`${folder}/said`) + new TextDecoder().decode(stderr);
        assert.doesNotMatch(said, /Error|EPIPE|\n\s+at /);
      }),
  });
}

Deno.test({
  name: "a full disk behind standard output is one line, and the picture is there",
  ignore: Deno.build.os !== "linux", // only there is a device that is always full
  fn: () =>
    inFolder(async (folder) => {
      const args = ["generate", "a lake", ...small, "--seed", "1"];
      const { code, stderr } = await new Deno.Command("sh", {
        args: ["-c", '"$@" > /dev/full', "sh", ...command, ...args],
        cwd: folder,
      }).output();
      assert.equal(code, 1);
      const said = new TextDecoder().decode(stderr);
      assert.match(said, /\nUsageError: Cannot write to standard output: no space left on device\.\n$/i);
      assert.doesNotMatch(said, /\n\s+at /);
      assert.ok((await Deno.stat(`${folder}/out.png`)).size > 1000);
    }),
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129], ["SIGINT", 130]] as const) {
  Deno.test({
    name: `${signal} ends a run in good order: no scratch weights are left`,
    ignore: Deno.build.os === "windows", // it has no such signals
    fn: () =>
      inFolder(async (folder) => {
        const scratch = `${folder}/scratch`;
        await Deno.mkdir(scratch);
        const args = [
          "generate",
          "a lake",
          ...small.slice(0, -1),
          "900",
          "--sampler",
          "ddim",
          "--dtype",
          "int8",
        ];
        const child = new Deno.Command(command[0]!, {
          args: [...command.slice(1), ...args],
          cwd: folder,
          env: { TMPDIR: scratch },
          stdout: "null",
          stderr: "piped",
        }).spawn();
        let said = "";
        for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
          const before = said;
          said += chunk;
          if (/denoising/.test(said) && !/denoising/.test(before)) child.kill(signal);
        }
        assert.equal((await child.status).code, code, said);
        assert.match(said, new RegExp(`^loading \\w+\\n[^]*AbortError: Ended by ${signal}\\.\\n$`));
        assert.deepEqual([...Deno.readDirSync(scratch)], []);
        assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["scratch"]);
      }),
  });
}

Deno.test("a download tells a log how far it is, up to all of it", () =>
  inFolder(async (folder) => {
    await using hub = await FakeHub.start();
    const { code, out, err } = await run(folder, [
      "download",
      "o/n",
      "--hub",
      hub.baseUrl,
      "--cache",
      `${folder}/c`,
    ]);
    assert.equal(code, 0, err);
    assert.match(out, /\/models--o--n\/snapshots\/[0-9a-f]{40}\n$/);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(err, /[\x00-\x09\x0b-\x1f]/);
    const percents = [...err.matchAll(/^(\d+) % of 0\.3 MB: (\S+)$/gm)].map(([, percent]) => Number(percent));
    assert.equal(percents[0], 0);
    assert.equal(percents.at(-1), 100);
    assert.deepEqual(percents, percents.toSorted((a, b) => a - b));
    assert.match(err, new RegExp(`^100 % of 0\\.3 MB: ${neededFiles.at(-1)}$`, "m"));
  }));

Deno.test("generate takes hub, token and revision, and says how far the download is", () =>
  inFolder(async (folder) => {
    await using hub = await FakeHub.start();
    hub.revisions = ["v1/tiny"];
    hub.files = Object.fromEntries(
      [...walk(model)].map((path) => [path, Deno.readFileSync(`${model}/${path}`)]),
    );
    const where = [
      "--hub",
      hub.baseUrl,
      "--token",
      "secret",
      "--revision",
      "v1/tiny",
      "--cache",
      `${folder}/c`,
    ];
    const { code, err } = await run(folder, [
      "generate",
      "a lake",
      ...small.slice(2),
      ...where,
      "--model",
      "o/n",
    ]);
    assert.equal(code, 0, err);
    assert.equal(hub.authorization, "Bearer secret");
    assert.match(err, /^0 % of [\d.]+ MB: [^]*^100 % of [\d.]+ MB: [^]*^loading /m);
    assert.ok((await Deno.stat(`${folder}/out.png`)).size > 1000);
  }));

function* walk(folder: string, prefix = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${prefix}`)) {
    if (isDirectory) yield* walk(folder, `${prefix}${name}/`);
    else yield `${prefix}${name}`;
  }
}
