/** Every example is one command and ends in a picture. */
import assert from "node:assert/strict";
import { decodeImage } from "../image/mod.ts";
import { inFolder } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;
const examples = [...Deno.readDirSync(`${root}examples`)].map(({ name }) => name).filter((name) =>
  name.endsWith(".ts")
);
for (const example of examples.sort()) {
  Deno.test(`examples/${example} ends in a picture`, () =>
    inFolder(async (folder) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--config", `${root}deno.json`, `${root}examples/${example}`],
        cwd: folder,
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const pictures = [...Deno.readDirSync(folder)].filter(({ name }) => /\.(png|jpg|webp)$/.test(name));
      assert.notEqual(pictures.length, 0);
      for (const { name } of pictures) {
        const { width, height } = await decodeImage(await Deno.readFile(`${folder}/${name}`));
        assert.ok(width > 0 && width === height, `${name} is ${width} × ${height}`);
      }
    }));
}
