/**
 * What all routes share.
 *
 * @module
 */
import type { Context } from "hono";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { GuardOptions } from "./guard.ts";
import type { Jobs, Place } from "./jobs.ts";
import type { Limits } from "./limits.ts";
import type { LoraFolder } from "./lora_folder.ts";

/** A pipeline, and how it is served. */
export interface ServerOptions extends GuardOptions {
  /** What makes the pictures. */
  readonly pipeline: Pipeline;
  /** Its line. */
  readonly jobs: Jobs;
  /** The most that a request may ask for. */
  readonly limits: Limits;
  /** Further names of the model, for clients that cannot ask for another. */
  readonly aliases: readonly string[];
  /** LoRAs that prompts may name. */
  readonly loras: LoraFolder;
}

/** What a request carries with it. */
export interface ServerEnv {
  readonly Bindings: {
    /** The client's address. */
    readonly remote?: string;
  };
  readonly Variables: { place: Place };
}

/** A request of ours. */
export type ServerContext = Context<ServerEnv>;

/** Who asks: by token or password with its user's name, else by address. */
export function callerOf(c: ServerContext): string {
  return c.req.header("authorization") ?? c.env?.remote ?? "";
}
