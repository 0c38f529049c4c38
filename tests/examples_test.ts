/** Every example is one command; those that write pictures end in pictures. */
import assert from "node:assert/strict";
import { decodeImage } from "../image/mod.ts";
import { inFolder } from "./_cli.ts";

const root = new URL("..", import.meta.url).pathname;
const examples = [...Deno.readDirSync(`${root}examples`)].map(({ name }) => name).filter((name) =>
  name.endsWith(".ts")
);
for (const example of examples.sort()) {
  const writes = (await Deno.readTextFile(`${root}examples/${example}`)).includes("writeFile(");
  Deno.test(`examples/${example} runs${writes ? " and ends in a picture" : ""}`, () =>
    inFolder(async (folder) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--config", `${root}deno.json`, `${root}examples/${example}`],
        cwd: folder,
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const pictures = [...Deno.readDirSync(folder)].filter(({ name }) => /\.(png|jpg|webp)$/.test(name));
      assert.equal(pictures.length > 0, writes);
      for (const { name } of pictures) await decodeImage(await Deno.readFile(`${folder}/${name}`));
    }));
}
