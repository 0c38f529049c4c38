/**
 * The files that a model from somebody else names for its weights. They are read only where they lie in the model's
 * own folder: a name like `../../secret` would read any file of the machine into the model.
 *
 * @module
 */
import { WeightsError } from "../core/errors.ts";
import { builtin } from "../core/platform.ts";

/**
 * Finds a file that a model on disk names.
 *
 * @param model Path of the model.
 * @param location The name in the model, relative to the model's folder.
 * @returns Its path, and whether it is a link out of the folder; of those only the ones of a Hugging Face cache, from
 * `snapshots/` to `blobs/` of the same repository, are followed.
 * @throws {WeightsError} If it leads out of the model's folder, or there is no such file.
 */
export async function externalFile(
  model: string,
  location: string,
): Promise<{ readonly path: string; readonly linked: boolean }> {
  const { realpath } = builtin("node:fs/promises");
  const { dirname, join } = builtin("node:path");
  const refuse = (state: string): never => {
    throw new WeightsError(
      `Cannot load "${model}": its external data "${location}" ${state}, expected a file in the model's folder.`,
    );
  };
  const absolute = /^(?:[/\\]|[A-Za-z]:)/.test(location);
  if (absolute || location.split(/[/\\]/).includes("..")) refuse("lies outside of the model's folder");
  const folder = dirname(model);
  const path = join(folder, location);
  const target = await realpath(path).catch((cause: unknown) => {
    throw new WeightsError(`Cannot load "${model}": its external data "${location}" is not beside it.`, {
      cause,
    });
  });
  const root = await realpath(folder);
  if (isInside(root, target)) return { path, linked: false };
  const [, repository] = /^(.*[/\\]models--[^/\\]+)[/\\]snapshots[/\\][^/\\]+(?:[/\\]|$)/.exec(root) ?? [];
  if (repository !== undefined && isInside(join(repository, "blobs"), target)) return { path, linked: true };
  return refuse("is a link that leaves the model's folder");
}

function isInside(folder: string, path: string): boolean {
  const { isAbsolute, relative } = builtin("node:path");
  const way = relative(folder, path);
  return way !== "" && !isAbsolute(way) && way.split(/[/\\]/)[0] !== "..";
}
