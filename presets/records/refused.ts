/**
 * Pictures of programs that do more than their settings say, and so are refused by name.
 *
 * @module
 */
import { type Dialect, unreadable } from "./request.ts";

/** NovelAI: models that are not published, and a prompt syntax of its own. */
export const novelai: Dialect = {
  name: "NovelAI",
  recognises: ({ Software, Title, parameters }) =>
    // WebP files have the texts of a PNG as one JSON
    Software === "NovelAI" || /^NovelAI/.test(Title ?? "") ||
    /^\s*\{[^]*"(?:Software|software)"\s*:\s*"NovelAI"/.test(parameters ?? ""),
  read: () => {
    throw unreadable(
      "it was made by NovelAI, whose models are its own",
      "a model of yours, and its settings as options",
    );
  },
};

/** Fooocus: it rewrites prompts with a language model and steers SDXL in ways of its own. */
export const fooocus: Dialect = {
  name: "Fooocus",
  recognises: ({ fooocus_scheme, parameters }) =>
    fooocus_scheme !== undefined || /"?[Vv]ersion"?: ?"?Fooocus/.test(parameters ?? ""),
  read: () => {
    throw unreadable(
      "it was made by Fooocus, which rewrites prompts and steers SDXL in its own way",
      "its settings as options",
    );
  },
};
