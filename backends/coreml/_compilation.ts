/**
 * Packages (`.mlpackage`, `.mlmodel`) become compiled models (`.mlmodelc`) once, and are kept.
 *
 * A compilation lies in the cache folder as `<name>-<hash of the package's path>/<hash of its files>.mlmodelc`,
 * where the second hash is over path, size and modification time of every file of the package. A package that
 * changed replaces its old compilation.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import { builtin } from "../../core/platform.ts";
import { Files } from "./_files.ts";
import { attempt, fromNSString, toFileURL } from "./_foundation.ts";
import type { ObjectiveC } from "./_objc.ts";

/**
 * The path of a compiled model: the path itself, or where its compilation is kept.
 *
 * @throws {UnsupportedModelError} If there is nothing at the path, or if Core ML cannot compile it.
 */
export function compiledModel(objc: ObjectiveC, path: string, cacheFolder: string | undefined): string {
  const files = new Files(objc);
  if (!files.exists(path)) {
    throw new UnsupportedModelError(`Cannot load Core ML model "${path}": there is no such file or folder.`);
  }
  const name = /([^/]+)\.(?:mlpackage|mlmodel)\/*$/.exec(path)?.[1];
  if (name === undefined) return path;

  const cache = cacheFolder ?? `${files.cachesFolder()}/mobile-diffusion/coreml`;
  const folder = `${cache}/${name}-${hash(files.absolute(path))}`;
  const compiled = `${folder}/${hash(JSON.stringify(files.list(path)))}.mlmodelc`;
  if (files.exists(compiled)) return compiled;

  const temporary = compile(objc, path);
  if (files.exists(folder)) files.remove(folder);
  files.makeFolder(folder);
  files.move(temporary, compiled);
  return compiled;
}

/** Compiles into a temporary folder of Core ML's choice. */
function compile(objc: ObjectiveC, path: string): string {
  const url = attempt(
    objc,
    `compile Core ML model "${path}"`,
    (error) => objc.send(objc.class("MLModel"), "compileModelAtURL:error:", toFileURL(objc, path), error),
    UnsupportedModelError,
  );
  return fromNSString(objc, objc.send(url, "path"));
}

/** Sixteen characters are enough to tell the packages of one machine apart. */
function hash(text: string): string {
  return builtin("node:crypto").createHash("sha256").update(text).digest("hex").slice(0, 16);
}
