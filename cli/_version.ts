/** The package's version; a test compares it with that of `deno.json`, which npm's form of the package lacks. */
export const VERSION = "0.1.0";
