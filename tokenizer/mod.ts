/**
 * CLIP's tokenizer, rows of ids for a text encoder, and weighted prompts.
 *
 * @module
 */
export type { Tokenizer } from "../core/tokenizer.ts";
export * from "./chunk.ts";
export * from "./files.ts";
export * from "./load_tokenizer.ts";
export * from "./prompt_parts.ts";
export * from "./prompt_schedule.ts";
export * from "./prompt_weights.ts";
