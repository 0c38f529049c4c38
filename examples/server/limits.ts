/**
 * How much a request may ask for.
 *
 * @module
 */
import { HTTPException } from "hono/http-exception";

/** The most of everything. */
export interface Limits {
  /** Bytes of a request's body. */
  readonly body: number;
  /** Characters of a prompt. */
  readonly prompt: number;
  /** Steps of a run. */
  readonly steps: number;
  /** Pictures of a request. */
  readonly count: number;
  /** Pixels of a picture. */
  readonly pixels: number;
}

/** What a model on a CPU makes in minutes. */
export const LIMITS: Limits = {
  body: 20_000_000,
  prompt: 10_000,
  steps: 150,
  count: 16,
  pixels: 1024 * 1024,
};

/** @throws {HTTPException} 400, that names the parameter. */
export function refuse(message: string, parameter?: string): never {
  throw new HTTPException(400, { message, cause: { parameter } });
}

/** @throws {HTTPException} If a picture has too many pixels. */
export function checkSize(width: number | undefined, height: number | undefined, { pixels }: Limits): void {
  if ((width ?? 0) * (height ?? 0) <= pixels) return;
  refuse(`A picture of ${width} × ${height} is too large, expected at most ${pixels} pixels in all.`, "size");
}
