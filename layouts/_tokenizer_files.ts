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

/** What a tokenizer says of its own text encoder, and not of another with the same words. */
const ownTexts: ReadonlySet<string> = new Set(["tokenizer_config.json", "special_tokens_map.json"]);

/**
 * The tokenizer that the caller gives, else the model's own, in its folder or beside the model. A second text encoder
 * that has none takes the first one's words.
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
  const isFirst = role === "tokenizer";
  const wordsOf = (files: TokenizerFiles): TokenizerFiles =>
    Object.fromEntries(Object.entries(files).filter(([name]) => isFirst || !ownTexts.has(name)));
  if (given !== undefined && !isFolder(given)) return wordsOf(given);
  const source = given ?? folder;
  for (const prefix of new Set([`${role}/`, "tokenizer/", ""])) {
    const found = names.filter((name) => source.files.has(`${prefix}${name}`));
    const whole = found.includes("tokenizer.json") ||
      found.includes("vocab.json") && found.includes("merges.txt");
    if (!whole) continue;
    const texts = found.map(async (name) => [name, (await readText(source, `${prefix}${name}`))!]);
    const files = Object.fromEntries(await Promise.all(texts));
    return prefix === `${role}/` ? files : wordsOf(files);
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
