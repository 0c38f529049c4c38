/**
 * A model in a single `.safetensors` or `.gguf` file with the original names, the commonest file of all.
 *
 * @module
 */
import { checkpointFiles, chooseCheckpoint } from "../core/model_files.ts";
import type { Components, Program } from "../families/components.ts";
import type { Family, SplitFile } from "../families/family.ts";
import type { OpenModelOptions } from "../families/open_options.ts";
import type { TokenizerFiles } from "../tokenizer/files.ts";
import type { ModelFolder } from "../weights/model_folder.ts";
import { openWeightsFile } from "../weights/weights_file.ts";
import { tokenizerFiles } from "./_tokenizer_files.ts";

/**
 * Reads a checkpoint's header: the only `.safetensors` or `.gguf` file at the root of a folder, or the one that `variant` names.
 * It holds no tokenizer: that comes from `options.tokenizer`, or lies beside it.
 *
 * @param families Who knows the names in such files; where none does, the first one says what is wrong with them.
 * @throws {UnsupportedModelError} If it is of another family.
 * @throws {WeightsError} If the file is damaged or not a whole checkpoint.
 * @throws {TypeError} If there is no file, or more than one, or two families know its names.
 */
export async function readSingleFile(
  folder: ModelFolder,
  options: Pick<OpenModelOptions, "variant" | "tokenizer" | "checkpoint" | "vae" | "unet" | "textEncoder">,
  families: readonly Family[],
): Promise<Components> {
  const file = singleFile(folder, options);
  const source = folder.source(file);
  await using weights = await openWeightsFile(source);
  const family = familyOf(file, new Set(weights.names()), families);
  const { networks, said, specialTokens } = family.split(weights, options);
  const need = (role: string): Program => ({
    kind: "weights",
    async open() {
      const opened = await openWeightsFile(source);
      const { weights } = family.split(opened, options).networks[role]!;
      return { ...weights, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
    },
  });
  const name = file.replace(/\.\w+$/, "");
  return {
    ...said,
    name,
    layout: "single file",
    roles: new Set(Object.keys(networks)),
    config: (role) => networks[role]?.config,
    program: (role) => role in networks ? need(role) : undefined,
    need(role) {
      if (role in networks) return need(role);
      const option = role.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      throw new TypeError(
        `Cannot open "${file}": it holds no ${role}. Give the option "${option}": a folder of diffusers or a file with one.`,
      );
    },
    tokenizer: async (role) =>
      withSpecialTokens(await tokenizerFiles(folder, options.tokenizer, role), specialTokens),
  };
}

/** The checkpoint: no VAE that lies beside one, and no file that was named as another network. */
function singleFile(
  folder: ModelFolder,
  { variant, vae, unet, textEncoder }: Parameters<typeof readSingleFile>[1],
): string {
  const others = [vae, unet, textEncoder];
  const own = checkpointFiles(folder.files).filter((file) => !others.includes(file));
  const chosen = chooseCheckpoint(own, variant);
  if (chosen !== undefined) return chosen;
  throw new TypeError(
    `Cannot open the checkpoint in "${folder.name}": it has ${own.length} files (${
      own.join(", ")
    }), expected one` +
      `${variant === undefined ? "" : ` with "${variant}" in its name`}. Open the file itself.`,
  );
}

type Splitter = NonNullable<Family["singleFile"]>;

function familyOf(file: string, names: ReadonlySet<string>, families: readonly Family[]): Splitter {
  const able = families.filter(({ singleFile }) => singleFile !== undefined);
  const known = able.filter(({ singleFile }) => singleFile!.is(names));
  if (known.length > 1) {
    const both = known.map(({ name }) => name).join(" and ");
    throw new TypeError(
      `Cannot tell of which family "${file}" is: its names are those of ${both}. Choose with the option "family".`,
    );
  }
  const [family = able[0]] = known;
  if (family?.singleFile !== undefined) return family.singleFile;
  throw new TypeError(`Cannot open "${file}": no family that is asked for has single files.`);
}

/** Special tokens that the networks tell, where the tokenizer's files say nothing of their own. */
function withSpecialTokens(files: TokenizerFiles, tokens: SplitFile["specialTokens"]): TokenizerFiles {
  const said = files["special_tokens_map.json"] ?? files["tokenizer_config.json"];
  return said !== undefined || tokens === undefined
    ? files
    : { ...files, "special_tokens_map.json": JSON.stringify(tokens) };
}
