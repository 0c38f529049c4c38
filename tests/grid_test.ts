/** A grid is one sheet whose pictures are those that `generate` makes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeImage, readPngText } from "../image/mod.ts";
import { labelledSheet } from "../cli/_sheet.ts";
import { inFolder, output } from "./_cli.ts";

const small = { width: 24, height: 24 };
const grey = (value: number) => ({ ...small, data: new Uint8Array(3 * 24 * 24).fill(value) });

Deno.test("a sheet has its heads in letters over and before its pictures", () => {
  const columns = ["a", "steps 16"];
  const { width, height, data } = labelledSheet({
    columns,
    rows: ["i", "?"],
    pictures: [grey(90), undefined, grey(9), grey(200)],
  });
  const at = (x: number, y: number) => data[3 * (y * width + x)]!;
  // A letter is 5 of 6 pixels wide and 7 of 9 high, twice: two letters fit over 24 pixels, and "steps 16" takes four lines.
  const [left, top] = [12 + 4, 4 * 18 + 4];
  assert.deepEqual([width, height], [left + 2 * 28, top + 2 * 28]);
  assert.deepEqual([at(left, top), at(left, top + 28), at(left + 28, top + 28)], [90, 9, 200]);
  assert.equal(at(left + 28, top), 255); // one that is absent
  const ink = (x: number, y: number, columns: number, rows: number) => {
    let count = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) count += Number(at(x + column, y + row) === 0);
    }
    return count;
  };
  assert.ok(ink(left, 0, 12, 18) > 20 && ink(left + 28, 0, 24, 72) > 100 && ink(0, top, 12, 18) > 10);
  assert.equal(ink(left, top, 2 * 28, 2 * 28), 0);
  const other = labelledSheet({
    columns,
    rows: ["l", "?"],
    pictures: [grey(90), undefined, grey(9), grey(200)],
  });
  assert.notDeepEqual(other.data, data); // letters differ
  assert.throws(() => labelledSheet({ columns, rows: [""], pictures: [undefined, undefined] }), RangeError);
});

Deno.test("grid: every picture is the one that generate makes with the same options", () =>
  inFolder(async (folder) => {
    const quick = ["--backend", "native", "--seed", "5"];
    const made = await output(
      ...["grid", "a red house", "--x", "steps=1,2", "--y", "guidance=1,3", ...quick, "--sampler", "euler"],
      ...["--out", `${folder}/grid.png`],
    );
    assert.equal(made.code, 0, made.err);
    const file = await Deno.readFile(`${folder}/grid.png`);
    const sheet = await decodeImage(file);
    const { x, y, seed } = JSON.parse((await readPngText(file))["Grid"]!);
    assert.deepEqual([x, y, seed], [{ name: "steps", values: ["1", "2"] }, {
      name: "guidance",
      values: ["1", "3"],
    }, "5"]);
    const side = 128;
    const [left, top] = [sheet.width - 2 * (side + 4), sheet.height - 2 * (side + 4)];
    for (const [row, guidance] of ["1", "3"].entries()) {
      for (const [column, steps] of ["1", "2"].entries()) {
        const alone = await output(
          ...[
            "generate",
            "a red house",
            ...quick,
            "--sampler",
            "euler",
            "--steps",
            steps,
            "--guidance",
            guidance,
          ],
          ...["--json", "--out", `${folder}/a.png`],
        );
        const hash = createHash("sha256");
        for (let line = 0; line < side; line++) {
          const start = 3 * ((top + row * (side + 4) + line) * sheet.width + left + column * (side + 4));
          hash.update(sheet.data.subarray(start, start + 3 * side));
        }
        assert.equal(hash.digest("hex"), JSON.parse(alone.out).images[0].sha256, `${guidance}, ${steps}`);
      }
    }
    const partly = await output(
      ...["grid", "a red house", "--x", "steps=1,0", ...quick, "--out", `${folder}/partly.webp`],
    );
    assert.equal(partly.code, 0, partly.err);
    assert.match(partly.err, /^steps 0: .*steps/m);
    for (
      const [args, message] of [
        [["a", "--x", "model=a,b"], /Cannot read --x model=a,b: expected sampler, steps/],
        [["a", "--x", "negative-prompt"], /Cannot read --x negative-prompt/],
        [["a", "--x", "steps", "--y", "steps"], /Expected two options that differ/],
        [["a"], /Expected what differs/],
        [["--x", "steps=1"], /Expected one prompt in quotes/],
        [["a", "--x", "steps=0", ...quick], /No picture of the grid could be made/],
      ] as const
    ) {
      const { code, err } = await output("grid", ...args, "--out", `${folder}/b.png`);
      assert.equal(code, 1);
      assert.match(err, message);
    }
  }));
