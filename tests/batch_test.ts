/** A batch is whole whatever happens to its process: every picture is there once, and is what its line asked for. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { inFolder, output, run } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;
const quick = ["--backend", "native", "--sampler", "ufogen", "--seed", "5"];
const isLong = Deno.env.get("LONG") === "1";

/** The manifest, and the files that it names, by their hashes. */
async function manifest(
  folder: string,
): Promise<{ line: number; prompt: string; seed: number; sha256: string }[]> {
  const lines = (await Deno.readTextFile(`${folder}/manifest.jsonl`)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  for (const { file, sha256 } of lines) {
    const bytes = await Deno.readFile(`${folder}/${file}`);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256, file);
  }
  return lines;
}

/** Runs a batch and kills it when so many pictures are there; whether it was still running then. */
async function killed(folder: string, args: readonly string[], after: number): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${root}deno.json`, `${root}cli/main.ts`, "batch", ...args],
    cwd: folder,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let lines = 0;
  for await (const chunk of child.stdout) {
    lines += new TextDecoder().decode(chunk).split("\n").length - 1;
    if (lines >= after) child.kill("SIGKILL");
  }
  return (await child.status).signal === "SIGKILL";
}

Deno.test("a batch that is killed goes on where it was: no picture is lost, none made twice", () =>
  inFolder(async (folder) => {
    const [count, kills] = isLong ? [1000, 5] : [12, 2];
    const prompts = Array.from({ length: count }, (_, i) => `a ${["red", "blue"][i % 2]} house, number ${i}`);
    await Deno.writeTextFile(`${folder}/prompts.txt`, `${prompts.join("\n")}\n`);
    const args = ["prompts.txt", "--out", "out", ...quick];
    for (let i = 0; i < kills; i++) assert.ok(await killed(folder, args, Math.floor(count / (kills + 2))));
    // As if it had ended between a picture and its line, and within a line.
    const path = `${folder}/out/manifest.jsonl`;
    const lines = (await Deno.readTextFile(path)).split("\n").filter((line) => line !== "");
    await Deno.writeTextFile(path, `${lines.slice(0, -1).join("\n")}\n${lines.at(-1)!.slice(0, 20)}`);
    const { code, err } = await run(folder, ["batch", ...args]);
    assert.equal(code, 0, err);
    const done = await manifest(`${folder}/out`);
    assert.deepEqual(done.map(({ line }) => line).sort((a, b) => a - b), prompts.map((_, i) => i + 1));
    for (const { line, prompt, seed } of done) {
      assert.deepEqual([prompt, seed], [prompts[line - 1], 5 + line - 1]);
    }
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name);
    assert.equal(names.length, count + 2, names.join()); // with the manifest and what it began with
    const again = await run(folder, ["batch", ...args]);
    assert.deepEqual([again.code, again.out], [0, ""]);
    assert.equal((await manifest(`${folder}/out`)).length, count);

    // A picture of it is the one that `generate` makes.
    const [{ prompt, seed }] = done as [typeof done[0]];
    const alone = [
      "generate",
      prompt,
      ...quick.slice(0, -1),
      `${seed}`,
      "--out",
      `${folder}/alone.png`,
      "--json",
    ];
    const same = JSON.parse((await output(...alone)).out).images[0].sha256;
    const from = await output(
      "generate",
      "--from",
      `${folder}/out/000001.png`,
      "--out",
      `${folder}/b.png`,
      "--json",
    );
    assert.equal(JSON.parse(from.out).images[0].sha256, same);
  }));

Deno.test("a line that is wrong is numbered, and the rest goes on", () =>
  inFolder(async (folder) => {
    const lines = [
      '{"prompt":"a red house","seed":9}',
      "{oops",
      '{"prompt":"a blue house","width":7}',
      '{"prompt":"a green house","image":"nowhere.png"}',
      '{"prompt":"a pink heart","negative-prompt":"fog","steps":1}',
    ];
    await Deno.writeTextFile(`${folder}/prompts.jsonl`, lines.join("\n"));
    const args = ["batch", `${folder}/prompts.jsonl`, "--out", `${folder}/out`, ...quick, "--format", "webp"];
    const { code, err } = await output(...args);
    assert.equal(code, 1);
    assert.match(err, /prompts\.jsonl, line 2: It is no JSON object/);
    assert.match(err, /prompts\.jsonl, line 3: .*width/);
    assert.match(err, /prompts\.jsonl, line 4: Cannot read the picture "nowhere.png"/);
    assert.match(err, /3 of 5 lines made no picture: 2, 3, 4\./);
    const done = await manifest(`${folder}/out`);
    assert.deepEqual(done.map(({ line, seed }) => [line, seed]), [[1, 9], [5, 9]]); // 5 + 4
  }));

Deno.test("what a batch cannot go on with is one clear error", () =>
  inFolder(async (folder) => {
    const file = `${folder}/prompts.txt`;
    const start = (...args: readonly string[]) =>
      output("batch", file, "--out", `${folder}/out`, ...quick.slice(0, -2), ...args);
    await Deno.writeTextFile(file, "a red house\na blue house\n");
    assert.equal((await start()).code, 0);
    const refused = async (message: RegExp, ...args: readonly string[]) => {
      const { code, out, err } = await start(...args);
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, message);
      assert.equal(err.trim().split("\n").length, 1, err);
    };
    await refused(/it began with the options .* and is given .*"guidance":"2"/, "--guidance", "2");
    await Deno.writeTextFile(file, "a red house\na green house\n");
    await refused(/Cannot go on with the batch in ".*": the file of prompts has changed since it began/);
    await Deno.writeTextFile(file, "a red house\na blue house\n");

    await Deno.writeTextFile(`${folder}/out/batch.lock`, `${Deno.ppid}\n`); // a process that runs
    await refused(new RegExp(`process ${Deno.ppid} runs one there, expected another --out`));
    await Deno.writeTextFile(`${folder}/out/batch.lock`, "999999999\n"); // one that does not
    assert.equal((await start()).code, 0);

    await Deno.remove(`${folder}/out/000002.png`); // which is made again
    await Deno.writeTextFile(
      `${folder}/out/manifest.jsonl`,
      await Deno.readTextFile(`${folder}/out/manifest.jsonl`),
    );
    assert.match((await start()).out, /000002\.png/);

    const missing = await output("batch", `${folder}/none.txt`, "--out", `${folder}/x`);
    assert.match(missing.err, /Cannot read the prompts ".*none.txt": no such file or directory/i);
    await Deno.writeTextFile(`${folder}/plain`, "");
    const noFolder = await output("batch", file, "--out", `${folder}/plain/x`);
    assert.match(noFolder.err, /Cannot write to the folder/);
  }));
