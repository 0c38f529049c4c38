/** From the files of a `tokenizer/` folder to one definition: a `tokenizer.json` and the ids with a role. */
import * as v from "valibot";
import { UnsupportedModelError } from "../core/errors.ts";
import { clipPipeline } from "./_clip.ts";
import type { AddedToken, TokenizerJson } from "./_json.ts";
import { tokenId, tokenizerSchema } from "./_schema.ts";
import type { TokenizerFiles, TokenizerOptions } from "./files.ts";

/** All that a tokenizer is, but for the package that runs it. */
export interface Definition {
  readonly json: TokenizerJson;
  readonly maxLength: number;
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  token(id: number): string | undefined;
}

const clipMaxLength = 77;
/** Above this, `model_max_length` is the format's way to say "not known". */
const longestRow = 65_536;

/** Reads, completes and checks. */
export function readDefinition(files: TokenizerFiles, { addedTokens = [] }: TokenizerOptions): Definition {
  const config = readObject(files, "tokenizer_config.json") ?? {};
  const named = { ...config, ...readObject(files, "special_tokens_map.json") };
  const start = tokenText(named["bos_token"]) ?? "<|startoftext|>";
  const end = tokenText(named["eos_token"]) ?? "<|endoftext|>";
  const pad = tokenText(named["pad_token"]) ?? end;
  const unknown = tokenText(named["unk_token"]) ?? end;

  const published = readTokenizerJson(files) ?? fromVocabAndMerges(files, unknown);
  const ids = new Map(Object.entries(published.model.vocab));
  const added = new Map<string, AddedToken>();
  const add = (token: AddedToken) => {
    ids.set(token.content, token.id);
    added.set(token.content, token);
  };
  const id = (content: string): number => {
    const known = ids.get(content);
    if (known === undefined) {
      throw invalid(`its vocabulary lacks ${JSON.stringify(content)}, expected to find it`);
    }
    return known;
  };

  published.added_tokens.forEach(add);
  for (const content of [start, end, pad, unknown]) {
    if (!added.has(content)) add(addedToken(content, id(content), true));
  }
  for (const [content, newId] of Object.entries(readObject(files, "added_tokens.json") ?? {})) {
    if (!added.has(content)) add(addedToken(content, checkId(content, newId), false));
  }
  for (const content of addedTokens) {
    if (ids.has(content)) {
      throw new RangeError(
        `Cannot add token ${JSON.stringify(content)}: it is there already, expected a new one.`,
      );
    }
    add(addedToken(content, 1 + [...ids.values()].reduce((a, b) => Math.max(a, b), -1), false));
  }

  const tokens = new Map([...ids].map(([content, id]) => [id, content]));
  return {
    json: { ...published, added_tokens: [...added.values()].sort((a, b) => a.id - b.id) },
    maxLength: readMaxLength(config["model_max_length"]),
    startId: id(start),
    endId: id(end),
    padId: id(pad),
    token: (id) => tokens.get(id),
  };
}

function readTokenizerJson(files: TokenizerFiles): TokenizerJson | undefined {
  const json = readObject(files, "tokenizer.json");
  if (json === undefined) return undefined;
  const { model } = json as { model?: { type?: unknown } | null };
  if (model === undefined || model === null) throw invalid(`tokenizer.json has no "model"`);
  if (model.type !== "BPE") {
    const kind = JSON.stringify(model.type);
    throw new UnsupportedModelError(
      `Cannot load the tokenizer: tokenizer.json is of kind ${kind}, expected "BPE".`,
    );
  }
  const { success, output, issues } = v.safeParse(tokenizerSchema, json, { abortEarly: true });
  if (!success) {
    const [{ expected, message, received }] = issues;
    const place = v.getDotPath(issues[0]) ?? "the whole";
    throw invalid(`"${place}" of tokenizer.json is ${shown(received)}, expected ${expected ?? message}`);
  }
  const checked = output as unknown as TokenizerJson;
  checkVocab("tokenizer.json", checked.model.vocab);
  checkMerges(checked.model);
  checkAdded(checked);
  // Rows of ids are framed here, and nothing is decoded.
  return { ...checked, post_processor: null, decoder: null };
}

function fromVocabAndMerges(files: TokenizerFiles, unknown: string): TokenizerJson {
  const vocab = readObject(files, "vocab.json");
  const merges = files["merges.txt"];
  if (vocab === undefined || merges === undefined) {
    const found = Object.keys(files).join(", ");
    throw invalid(
      `found ${found === "" ? "no file" : found}, expected tokenizer.json, or vocab.json and merges.txt`,
    );
  }
  checkVocab("vocab.json", vocab);
  return clipPipeline(vocab, readMerges(merges, vocab), [], unknown);
}

function readMerges(text: string, vocab: Readonly<Record<string, number>>): [string, string][] {
  const merges: [string, string][] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#version")) continue;
    const [left, right, ...rest] = line.split(" ");
    const known = left !== undefined && right !== undefined && rest.length === 0 &&
      [left, right, left + right].every((symbol) => Object.hasOwn(vocab, symbol));
    if (!known) {
      const shown = JSON.stringify(line.slice(0, 40));
      throw invalid(
        `merges.txt line ${index + 1} is ${shown}, expected two symbols that vocab.json has, joined too`,
      );
    }
    merges.push([left, right]);
  }
  return merges;
}

function checkVocab(file: string, vocab: unknown): asserts vocab is Record<string, number> {
  if (typeof vocab !== "object" || vocab === null) throw invalid(`${file} has no vocabulary`);
  const entries = Object.entries(vocab);
  for (const [content, id] of entries) checkId(content, id);
  if (new Set(entries.map(([, id]) => id)).size !== entries.length) {
    throw invalid(`${file} gives one id to two tokens`);
  }
}

/** Pairs of symbols that the vocabulary has, joined too. */
function checkMerges({ vocab, merges, continuing_subword_prefix: prefix }: TokenizerJson["model"]): void {
  const known = (symbol: string) => Object.hasOwn(vocab, symbol);
  for (const [index, merge] of (merges as readonly unknown[]).entries()) {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = Array.isArray(pair) ? pair as unknown[] : [];
    const good = Array.isArray(pair) && pair.length === 2 && typeof left === "string" &&
      typeof right === "string" &&
      [left, right, left + (typeof prefix === "string" ? right.slice(prefix.length) : right)].every(known);
    if (good) continue;
    throw invalid(
      `"model.merges.${index}" of tokenizer.json is ${
        shown(JSON.stringify(merge))
      }, expected two symbols that its ` +
        "vocabulary has, joined too",
    );
  }
}

/** One id a token, and one token an id. */
function checkAdded({ added_tokens: added, model: { vocab } }: TokenizerJson): void {
  const contents = new Map(Object.entries(vocab).map(([content, id]) => [id, content]));
  for (const { id, content } of added) {
    const other = Object.hasOwn(vocab, content) ? vocab[content] : id;
    if (other !== id || (contents.get(id) ?? content) !== content) {
      throw invalid(`the added token ${shown(JSON.stringify(content))} has id ${id}, which is not its own`);
    }
    contents.set(id, content);
  }
}

function shown(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}…` : value;
}

function checkId(content: string, id: unknown): number {
  if (v.is(tokenId, id)) return id;
  throw invalid(
    `token ${JSON.stringify(content)} has id ${
      shown(JSON.stringify(id))
    }, expected an integer from 0 to 1048575`,
  );
}

function readObject(files: TokenizerFiles, name: keyof TokenizerFiles): Record<string, unknown> | undefined {
  const text = files[name];
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${name} is not JSON`, cause);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw invalid(`${name} is not a JSON object`);
}

/** Published maps hold a token as text or as `{ content }`. */
function tokenText(value: unknown): string | undefined {
  const text = typeof value === "object" && value !== null && "content" in value ? value.content : value;
  return typeof text === "string" ? text : undefined;
}

function readMaxLength(value: unknown): number {
  if (typeof value !== "number" || value > longestRow) return clipMaxLength;
  if (Number.isInteger(value) && value >= 3) return value;
  throw invalid(`model_max_length is ${value}, expected an integer of 3 or more: start, text, end`);
}

function addedToken(content: string, id: number, special: boolean): AddedToken {
  return { id, content, special, normalized: !special, single_word: false, lstrip: false, rstrip: false };
}

function invalid(state: string, cause?: unknown): TypeError {
  return new TypeError(`Cannot load the tokenizer: ${state}.`, { cause });
}
