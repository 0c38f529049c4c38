/** Reads the fields of a `config.json`, with errors that name the file's field. */
import type { Json } from "../core/json.ts";

/** What a number may be. Limits are far above those of published networks: what is beyond is no network. */
export interface NumberKind {
  /** Lowest value. */
  readonly least: number;
  /** Highest value. */
  readonly most: number;
  /** Whether fractions are left out. */
  readonly whole: boolean;
}

const whole = (least: number, most: number): NumberKind => ({ least, most, whole: true });
const real = (least: number, most: number): NumberKind => ({ least, most, whole: false });

/** Length of one axis of a weight: channels, groups, heads, widths. */
export const WIDTH: NumberKind = whole(1, 1 << 16);
/** Blocks of one level, which has at least one. */
export const LAYERS: NumberKind = whole(1, 64);
/** Blocks where there may be none. */
export const REPEATS: NumberKind = whole(0, 64);
/** Layers of a transformer in a row. */
export const DEPTH: NumberKind = whole(1, 256);
/** Entries of a table of tokens. */
export const ENTRIES: NumberKind = whole(1, 1 << 20);
/** Id of a token. */
export const ID: NumberKind = whole(0, (1 << 20) - 1);
/** Side of a convolution's window, of a picture's block, or of a latent. */
export const SIDE: NumberKind = whole(1, 1 << 12);
/** What something is multiplied by. */
export const FACTOR: NumberKind = real(1e-6, 1e6);
/** What keeps a division from zero. */
export const EPSILON: NumberKind = real(1e-12, 1);
/** Any number that a half-precision float holds. */
export const NUMBER: NumberKind = real(-65504, 65504);

/** Levels of a network: each halves the resolution. */
const mostLevels = 12;

function fits(value: unknown, { least, most, whole }: NumberKind): value is number {
  return typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value));
}

function said({ least, most, whole }: NumberKind, plural = false): string {
  const what = `${whole ? "whole " : ""}number`;
  return `${plural ? `${what}s` : `a ${what}`} from ${least} to ${most}`;
}

function refuse(config: Json, field: string, expected: string, outOfRange: boolean): never {
  const value = config[field];
  const text = JSON.stringify(value) ?? "missing";
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const ErrorClass = outOfRange ? RangeError : TypeError;
  throw new ErrorClass(`Cannot read config.json: "${field}" is ${shown}, expected ${expected}.`);
}

function areNumbers(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "number");
}

/** A number, or the default where the field is absent or null. */
export function number(config: Json, field: string, kind: NumberKind, fallback?: number): number {
  const value = config[field] ?? fallback;
  return fits(value, kind) ? value : refuse(config, field, said(kind), typeof value === "number");
}

/** A list of numbers; one number stands for `length` equal ones. */
export function numbers(
  config: Json,
  field: string,
  kind: NumberKind,
  length: number,
  fallback?: number | readonly number[],
): number[] {
  const value = config[field] ?? fallback;
  if (fits(value, kind)) return Array(length).fill(value);
  if (Array.isArray(value) && value.length === length && value.every((item) => fits(item, kind))) {
    return value;
  }
  const outOfRange = typeof value === "number" ||
    Array.isArray(value) && value.length === length && areNumbers(value);
  return refuse(config, field, `a number or ${length} numbers, ${said(kind, true)}`, outOfRange);
}

/** One list of numbers for each of `lengths`; one number stands for a list of equal ones, or for all lists. */
export function numberLists(
  config: Json,
  field: string,
  kind: NumberKind,
  lengths: readonly number[],
  fallback: unknown,
): number[][] {
  const value = config[field] ?? fallback;
  const lists = Array.isArray(value) ? value : Array(lengths.length).fill(value);
  const filled = lists.length !== lengths.length
    ? []
    : lists.map((list, i) => typeof list === "number" ? Array(lengths[i]).fill(list) : list);
  const good = filled.length === lengths.length &&
    filled.every((list, i) =>
      Array.isArray(list) && list.length === lengths[i] && list.every((item) => fits(item, kind))
    );
  if (good) return filled;
  return refuse(
    config,
    field,
    `a number, or ${lengths.length} numbers or lists of ${lengths.join(", ")} numbers, ${said(kind, true)}`,
    filled.length === lengths.length &&
      filled.every((list, i) => Array.isArray(list) && list.length === lengths[i] && areNumbers(list)),
  );
}

/** The length of a list that has one entry a level, or the default where there is none. */
export function levelsOf(config: Json, field: string, fallback: number): number {
  const value = config[field];
  if (!Array.isArray(value)) return fallback;
  if (value.length >= 1 && value.length <= mostLevels) return value.length;
  return refuse(config, field, `a list of 1 to ${mostLevels} levels`, true);
}

/**
 * Checks that all widths are multiples of a number, as of groups or heads.
 *
 * @throws {RangeError} If one is not.
 */
export function checkDivides(field: string, divisor: number, widths: readonly number[]): void {
  const bad = widths.find((width) => width % divisor !== 0);
  if (bad === undefined) return;
  throw new RangeError(
    `Cannot read config.json: "${field}" is ${divisor}, expected a divisor of the ${bad} channels that it splits.`,
  );
}

/**
 * Checks how many blocks a network has in all: a graph is written for every one, before a weight is read.
 *
 * @throws {RangeError} If they are more than any weights could be for.
 */
export function checkBlocks(blocks: number): void {
  if (blocks <= mostBlocks) return;
  throw new RangeError(
    `Cannot read config.json: the network has ${blocks} blocks in all, expected at most ${mostBlocks}.`,
  );
}

/** Stable Diffusion XL has 117. */
const mostBlocks = 1024;

/** A list of booleans; one stands for `length` equal ones. */
export function booleans(config: Json, field: string, length: number, fallback: boolean): boolean[] {
  const value = config[field] ?? fallback;
  if (typeof value === "boolean") return Array(length).fill(value);
  if (Array.isArray(value) && value.length === length && value.every((item) => typeof item === "boolean")) {
    return value;
  }
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${
      JSON.stringify(config[field])
    }, expected a boolean or ${length} booleans.`,
  );
}

/** A boolean, or the default where the field is absent or null. */
export function boolean(config: Json, field: string, fallback: boolean): boolean {
  return booleans(config, field, 1, fallback)[0]!;
}

/** One of the given words. */
export function word<T extends string>(config: Json, field: string, words: readonly T[], fallback: T): T {
  const value = config[field] ?? fallback;
  const found = words.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot read config.json: "${field}" is ${JSON.stringify(value)}, expected one of ${words.join(", ")}.`,
  );
}

/** A list of words, one a level. */
export function words(config: Json, field: string): string[] {
  const value = config[field];
  const good = Array.isArray(value) && value.length >= 1 && value.length <= mostLevels &&
    value.every((item) => typeof item === "string");
  return good ? value : refuse(config, field, `a list of 1 to ${mostLevels} names`, false);
}
