/** What the command line does not do without being asked. */
import assert from "node:assert/strict";
import { refuseModelOf } from "../../cli/from_picture.ts";
import { inFolder, run } from "../_cli.ts";

const quick = ["--steps", "1", "--sampler", "ufogen", "--backend", "wasm", "--seed", "1"];

Deno.test("--out takes no name that is there, unless --force says so", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.png`, "mine");
    const first = await run(folder, ["generate", "a red house", ...quick, "--out", "a.png"]);
    assert.equal(first.out, "a-1.png\n", first.err);
    assert.match(first.err, /"a.png" is there already: the picture is "a-1.png" \(--force overwrites\)/);
    assert.equal(await Deno.readTextFile(`${folder}/a.png`), "mine");
    const several = await run(folder, [
      "generate",
      "a red house",
      ...quick,
      "--out",
      "a.png",
      "--count",
      "2",
    ]);
    assert.equal(several.out, "a-2.png\na-3.png\n", several.err);
    const forced = await run(folder, ["generate", "a red house", ...quick, "--out", "a.png", "--force"]);
    assert.equal(forced.out, "a.png\n", forced.err);
    assert.notEqual((await Deno.readFile(`${folder}/a.png`)).length, 4);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "a-1.png",
      "a-2.png",
      "a-3.png",
      "a.png",
    ]);
  }));

Deno.test("--from chooses no model of a hub or a path by itself", () =>
  inFolder(async (folder) => {
    const picture = new URL("./pictures/model_from_network.png", import.meta.url).pathname;
    const { code, err } = await run(folder, ["generate", "--from", picture, "--out", "a.png"]);
    assert.equal(code, 1);
    assert.match(
      err,
      /made with the model "evil\/model".*expected --model too/,
    );
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    const refused = (model: string, isGiven = false) => () =>
      refuseModelOf("a.png", { model }, () => isGiven);
    for (const model of ["evil/model", "/home/somebody/model", "../model"]) {
      assert.throws(refused(model), { message: /may not choose by itself, expected --model too/ });
      refused(model, true)();
    }
    refused("mini")();
  }));
