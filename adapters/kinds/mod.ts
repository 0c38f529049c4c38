/**
 * The kinds of adapters that are read without being asked for.
 *
 * @module
 */
import type { WeightAdapter } from "../weight_adapter.ts";
import { dora } from "./dora.ts";
import { full } from "./full.ts";
import { loha } from "./loha.ts";
import { lokr } from "./lokr.ts";
import { lora } from "./lora.ts";

/** All kinds, with those that a file's own come before. DoRA is asked first: the others are its parts. */
export function adapterKinds(own: readonly WeightAdapter[] = []): readonly WeightAdapter[] {
  const factors = [...own, lora, loha, lokr];
  return [dora(factors), ...factors, full];
}
