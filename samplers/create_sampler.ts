/**
 * A sampler from its name and options, as a command line or a `scheduler_config.json` gives them.
 *
 * @module
 */
import type { Sampler } from "../core/sampler.ts";
import { type OptionKind, type SamplerEntry, SAMPLERS } from "./registry.ts";

/**
 * Makes a sampler by its name or one of its aliases, such as "ddim", "Euler a" or "DPM++ 2M Karras".
 *
 * @param options Options of its factory; those that are undefined count as absent.
 * @throws {RangeError} If there is no such sampler (the message proposes the nearest name), or an option is out of
 * range.
 * @throws {TypeError} If the sampler has no such option, or the option is of another type.
 *
 * @example
 * ```ts
 * import { createSampler } from "@mobile-diffusion/sdk/samplers";
 * const sampler = createSampler("DPM++ 2M Karras", { steps: 25 });
 * console.log(sampler.name); // dpmpp_2m
 * ```
 */
export function createSampler(name: string, options: Readonly<Record<string, unknown>> = {}): Sampler {
  const { entry, implied } = find(name);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const [key, value] of Object.entries(given)) checkOption(entry, key, value);
  return entry.create({ ...implied, ...given });
}

interface Found {
  readonly entry: SamplerEntry;
  /** Options that the name implies. */
  readonly implied: Readonly<Record<string, unknown>>;
}

function find(name: string): Found {
  const byName = new Map(
    SAMPLERS.flatMap((entry) => [entry.name, ...entry.aliases].map((key) => [plain(key), entry])),
  );
  const wanted = plain(name);
  const exact = byName.get(wanted);
  if (exact !== undefined) return { entry: exact, implied: {} };
  for (const sigmas of ["karras", "exponential", "beta"]) { // A1111 names the spacing after the sampler
    const entry = wanted.endsWith(sigmas) ? byName.get(wanted.slice(0, -sigmas.length)) : undefined;
    if (entry?.options["sigmas"] !== undefined) return { entry, implied: { sigmas } };
  }
  const [, nearest] = [...byName].map(([key, { name }]) => [distance(key, wanted), name] as const)
    .reduce((best, candidate) => candidate[0] < best[0] ? candidate : best);
  throw new RangeError(
    `Cannot make the sampler "${name}": there is none of this name, did you mean "${nearest}"? ` +
      `Expected one of ${SAMPLERS.map((entry) => entry.name).join(", ")}.`,
  );
}

/** "DPM++ 2M" and "dpmpp_2m" are one name. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll("+", "p").replaceAll(/[\s_-]/g, "");
}

/** Levenshtein's: how many letters to insert, delete or replace. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(from[i] !== to[j])));
    }
    row = next;
  }
  return row[to.length]!;
}

function checkOption({ name, options }: SamplerEntry, key: string, value: unknown): void {
  const kind = Object.hasOwn(options, key) ? options[key] : undefined;
  if (kind === undefined) {
    throw new TypeError(
      `Cannot make the sampler "${name}": it has no option "${key}", expected ${
        Object.keys(options).join(", ")
      }.`,
    );
  }
  if (typeof kind !== "string") {
    if (kind.includes(value as string | number)) return;
    throw new RangeError(
      `Cannot make the sampler "${name}": ${key} is ${JSON.stringify(value)}, expected ${kind.join(", ")}.`,
    );
  }
  if (!fits(kind, value)) {
    throw new TypeError(
      `Cannot make the sampler "${name}": ${key} is ${JSON.stringify(value)}, expected ${NAMES[kind]}.`,
    );
  }
}

const SIGMA_SPACINGS: readonly unknown[] = ["karras", "exponential", "beta", "lu"];

const NAMES = {
  number: "a number",
  boolean: "true or false",
  numbers: "a list of numbers",
  sigmas: `a list of numbers or one of ${SIGMA_SPACINGS.join(", ")}`,
} as const;

function fits(kind: Extract<OptionKind, string>, value: unknown): boolean {
  switch (kind) {
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "sigmas":
      return SIGMA_SPACINGS.includes(value) || fits("numbers", value);
    case "numbers":
      return Array.isArray(value) && value.every((item) => typeof item === "number");
  }
}
