/**
 * Which family a model is of.
 *
 * @module
 */
import { UnsupportedModelError } from "../core/errors.ts";
import type { Components } from "./components.ts";
import type { Family } from "./family.ts";

/** Networks that are a family's mark, with its name. */
const foreign: Readonly<Record<string, string>> = {
  "transformer": "Stable Diffusion 3, Flux and other transformers",
  "text_encoder_2": "Stable Diffusion XL",
  "prior": "Stable Cascade and Kandinsky",
};

/**
 * The family of a model.
 *
 * @param asked The one to take, whatever the files say: a family, or the name of one of `families`.
 * @throws {UnsupportedModelError} If no family knows the model; the message says what it is and which there are.
 * @throws {TypeError} If two families know it, or there is none of the name.
 */
export function chooseFamily(
  files: Components,
  families: readonly Family[],
  asked?: Family | string,
): Family {
  if (typeof asked === "object") return asked;
  if (asked !== undefined) {
    const named = families.find(({ name }) => plain(name) === plain(asked));
    if (named !== undefined) return named;
    throw new TypeError(
      `Cannot open the model "${files.name}" as "${asked}": expected ${
        listOf(families)
      }, or a family of your own.`,
    );
  }
  const known = families.flatMap((family) => {
    const { because } = family.recognises(files) ?? {};
    return because === undefined ? [] : [{ family, because }];
  });
  if (known.length > 1) {
    const both = known.map(({ family, because }) => `${family.name} (${because})`).join(" and ");
    throw new TypeError(
      `Cannot tell of which family the model "${files.name}" is: it looks like ${both}. Choose with the option "family".`,
    );
  }
  if (known.length === 1) return known[0]!.family;
  throw refusal(files, families);
}

/** Says what a model is that no family knows. */
function refusal(files: Components, families: readonly Family[]): UnsupportedModelError {
  const { _class_name: pipeline } = files.index ?? {};
  const mark = Object.keys(foreign).find((role) => files.roles.has(role));
  const kind = files.config("unet")?.["_class_name"];
  const states = [
    ...typeof pipeline === "string" ? [`it is a ${pipeline}`] : [],
    ...mark !== undefined ? [`it has "${mark}/", as ${foreign[mark]}`] : [],
    ...typeof kind === "string" ? [`its unet is of the kind "${kind}"`] : [],
  ];
  const state = states[0] ?? `its networks are ${[...files.roles].join(", ")}`;
  return new UnsupportedModelError(
    `Cannot open the model "${files.name}": ${state}; expected ${listOf(families)}.`,
  );
}

function listOf(families: readonly Family[]): string {
  return families.map(({ covers }) => covers).join("; ");
}

/** "Stable Diffusion" and "stable_diffusion" are one name. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, "");
}
