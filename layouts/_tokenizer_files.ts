/** Finds the files of a tokenizer. */
import { hasVocabulary, TOKENIZER_FILES } from "../core/model_files.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import { localFolder, type ModelFolder, readText } from "../weights/model_folder.ts";

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
    const found = TOKENIZER_FILES.filter((name) => source.files.has(`${prefix}${name}`));
    if (!hasVocabulary(found)) continue;
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
