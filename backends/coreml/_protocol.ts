/**
 * What the backend and its worker say to each other: one question, one answer, in turn.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import type { Engine } from "./_engine.ts";

/** The engine's methods. Each takes one value and gives one. */
export type Method = keyof Engine;

/** What a method is told. */
export type Request<M extends Method> = Parameters<Engine[M]>[0];

/** What a method gives. */
export type Response<M extends Method> = ReturnType<Engine[M]>;

/** A call of the engine. */
export interface Question<M extends Method = Method> {
  readonly method: M;
  readonly request: Request<M>;
}

/** What came of it. */
export type Answer = { readonly result: unknown } | { readonly error: Pick<Error, "name" | "message"> };

/** Calls the engine. */
export function answer(engine: Engine, { method, request }: Question): Answer {
  try {
    return { result: (engine[method] as (request: unknown) => unknown).call(engine, request) };
  } catch (error) {
    const { name, message } = error as Error;
    return { error: { name, message } };
  }
}

/** The result; or throws the error again, as one of ours if it was. (Cloning between threads forgets classes.) */
export function resultOf(answer: Answer): unknown {
  if ("result" in answer) return answer.result;
  const { name, message } = answer.error;
  throw new (name === "UnsupportedModelError" ? UnsupportedModelError : Error)(message);
}
