/**
 * What a configuration file holds.
 *
 * @module
 */

/** A JSON object whose fields have not been looked at yet. */
export type Json = Readonly<Record<string, unknown>>;
