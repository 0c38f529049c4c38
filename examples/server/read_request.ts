/**
 * What clients send, checked against a schema; the first fault is named as the client spells it.
 *
 * @module
 */
import { HTTPException } from "hono/http-exception";
import * as v from "valibot";
import type { Limits } from "./limits.ts";
import { refuse } from "./limits.ts";

/** Reads a JSON body. @throws {HTTPException} If it is none. */
export async function jsonBody(request: { json(): Promise<unknown> }): Promise<unknown> {
  return await request.json().catch((cause: unknown) => {
    if (cause instanceof SyntaxError) refuse("The body is not valid JSON.");
    throw cause;
  });
}

/** Checks a body. @throws {HTTPException} 400, that names the field, what it is, and what is expected. */
export function readBody<T extends v.GenericSchema>(schema: T, body: unknown): v.InferOutput<T> {
  if (Array.isArray(body)) refuse("The body is a list, expected an object.");
  const { success, output, issues } = v.safeParse(schema, body, { abortEarly: true });
  if (success) return output;
  const [issue] = issues;
  const path = v.getDotPath(issue) ?? undefined;
  if (issue.type === "strict_object" && issue.expected === "never") {
    refuse(`The parameter ${JSON.stringify(path?.slice(0, 60))} is not known.`, path);
  }
  if (issue.received === "undefined") refuse(`The parameter ${path} is missing.`, path);
  const received = issue.received.slice(0, 60);
  refuse(
    `The parameter ${path ?? "body"} is ${received}, expected ${issue.expected ?? issue.message}.`,
    path,
  );
}

/** A whole number of a range; text is read as one, as forms send it. */
export const whole = (min: number, max: number): v.GenericSchema<unknown, number> =>
  v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d{1,16}$/), v.transform(Number))]),
    v.check(
      (value) => Number.isInteger(value) && value >= min && value <= max,
      `a whole number from ${min} to ${max}`,
    ),
  );

/** A number of a range. */
export const number = (min: number, max: number): v.GenericSchema<unknown, number> =>
  v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d{1,9}(\.\d{1,9})?$/), v.transform(Number))]),
    v.check((value) => value >= min && value <= max, `a number from ${min} to ${max}`),
  );

/** A prompt. */
export const prompt = ({ prompt }: Limits): v.GenericSchema<unknown, string> =>
  v.pipe(v.string(), v.check((text) => text.length <= prompt, `at most ${prompt} characters`));

/** May be absent or null. */
export const maybe = <T extends v.GenericSchema>(schema: T): v.NullishSchema<T, undefined> =>
  v.nullish(schema, undefined);

/** A seed. */
export const seed = (min: number): v.GenericSchema<unknown, number> => whole(min, Number.MAX_SAFE_INTEGER);

export { HTTPException, v };
