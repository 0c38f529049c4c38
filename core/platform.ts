/**
 * What only some platforms have, found when it is needed. Nothing here is a specifier that a bundler could follow, so
 * a page that imports the SDK carries neither Node's modules nor native packages.
 *
 * @module
 */

/** Node's modules that are used, which Deno and Bun have too. */
interface Builtins {
  readonly "node:async_hooks": typeof import("node:async_hooks");
  readonly "node:crypto": typeof import("node:crypto");
  readonly "node:fs/promises": typeof import("node:fs/promises");
  readonly "node:os": typeof import("node:os");
  readonly "node:path": typeof import("node:path");
}

/**
 * A module of Node's.
 *
 * @throws {TypeError} If this platform has none, as browsers.
 */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  const found = builtinIfAny(name);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot import "${name}": this platform has no such module, expected Deno, Node or Bun.`,
  );
}

/** A module of Node's, where this platform has it. */
export function builtinIfAny<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}

/**
 * Imports an npm package that is not installed with the SDK.
 *
 * @param version The one that Deno takes where no import map names the package.
 * @throws {Error} Of the platform, if it does not load; the caller says what to install.
 */
export async function importOptional<T>(name: string, version: string): Promise<T> {
  const load = (specifier: string): Promise<T> =>
    import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
  if (!("Deno" in globalThis)) return await load(name);
  try {
    return await load(name); // installed from npm, or named by an import map
  } catch (error) {
    if (!/import map|not a dependency|bare specifier|Cannot find/i.test((error as Error).message)) {
      throw error;
    }
    return await load(`npm:${name}@${version}`);
  }
}
