/**
 * A pipeline rewritten so that JavaScript's idea of white space and case gives what the native package gives.
 *
 * - `ByteLevel` splits by a pattern in which `\s` has U+FEFF in JavaScript and not in Rust: the split
 *   becomes a step of its own, whose pattern the JavaScript package translates from Rust's meaning.
 * - A text that lower-casing turns into a special token, `<|STARTOFTEXT|>`, is taken for that token by the
 *   JavaScript package alone: a space in front keeps it text, and CLIP's pipelines drop white space.
 * - `toLowerCase` makes Σ at the end of a word ς; Rust's lower-casing by character makes it σ.
 *
 * What remains are letters that one side's Unicode version does not know yet.
 */
import type { AddedToken, Step, TokenizerJson } from "./_json.ts";

const byteLevelWords = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** The same tokenizer, for the JavaScript package. */
export function portable(json: TokenizerJson): TokenizerJson {
  return {
    ...json,
    normalizer: json.normalizer && keepText(rewrite(json.normalizer), json.added_tokens),
    pre_tokenizer: json.pre_tokenizer && rewrite(json.pre_tokenizer),
  };
}

function keepText(normalizer: Step, added: readonly AddedToken[]): Step {
  const special = added.filter((token) => !token.normalized)
    .map(({ content }) => content.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const whole = { Regex: `^(?=(?:${special.join("|")})$)` };
  return { type: "Sequence", normalizers: [normalizer, { type: "Replace", pattern: whole, content: " " }] };
}

function rewrite(step: Step): Step {
  switch (step.type) {
    case "Sequence": {
      const list = "normalizers" in step ? "normalizers" : "pretokenizers";
      return { ...step, [list]: (step[list] as readonly Step[]).map(rewrite) };
    }
    case "Lowercase": {
      const sigma = { type: "Replace", pattern: { String: "Σ" }, content: "σ" };
      return { type: "Sequence", normalizers: [sigma, step] };
    }
    case "ByteLevel": {
      // The prefix space would have to come before the split; CLIP's pipelines have none.
      if (step["use_regex"] === false || step["add_prefix_space"] === true) return step;
      const split = {
        type: "Split",
        pattern: { Regex: byteLevelWords },
        behavior: "Isolated",
        invert: false,
      };
      return { type: "Sequence", pretokenizers: [split, { ...step, use_regex: false }] };
    }
    default:
      return step;
  }
}
