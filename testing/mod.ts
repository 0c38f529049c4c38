/**
 * The suites that our own backends and samplers pass, for whoever writes one. They run in any test runner.
 *
 * @module
 */
export * from "./backend.ts";
export * from "./family.ts";
export * from "./sampler.ts";
