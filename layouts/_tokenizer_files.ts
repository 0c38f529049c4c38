/** Finds the files of a tokenizer. */
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { localFolder, type ModelFolder, readText } from "../weights/model_folder.ts";

const names = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
] as const;

/**
 * The tokenizer that the caller gives, else the model's own, in its folder or beside the model.
 *
 * @param role Name of its folder, as `tokenizer`.
 *
 * @throws {TypeError} If there is none.
 */
export async function tokenizerFiles(
  folder: ModelFolder,
  asked: OpenModelOptions["tokenizer"],
  role: string,
): Promise<TokenizerFiles> {
  const given = typeof asked === "string" ? await localFolder(asked) : asked;
  if (given !== undefined && !isFolder(given)) return given;
  const source = given ?? folder;
  for (const prefix of [`${role}/`, ""]) {
    const found = names.filter((name) => source.files.has(`${prefix}${name}`));
    const whole = found.includes("tokenizer.json") ||
      found.includes("vocab.json") && found.includes("merges.txt");
    if (!whole) continue;
    const texts = found.map(async (name) => [name, (await readText(source, `${prefix}${name}`))!]);
    return Object.fromEntries(await Promise.all(texts));
  }
  throw new TypeError(
    `Cannot open the model "${folder.name}": it has no tokenizer${
      given === undefined ? "" : `, nor has "${given.name}"`
    }. ` +
      `Put CLIP's vocab.json and merges.txt beside it, or give the option "tokenizer" a folder that has them: every ` +
      `diffusers folder of Stable Diffusion has both in tokenizer/.`,
  );
}

function isFolder(given: ModelFolder | TokenizerFiles): given is ModelFolder {
  return "files" in given;
}
