/**
 * Noise schedules, and the scheduler files that name them.
 *
 * @module
 */
export * from "./ddpm.ts";
export * from "./flow.ts";
export * from "./schedule_from.ts";
export * from "./scheduler_config.ts";
export * from "./sigmas.ts";
