import { WeightsError } from "../core/errors.ts";

/** The error of reading a tensor that is not there. */
export function missingTensor(name: string, path?: string): WeightsError {
  const place = path === undefined ? "the weights" : `"${path}"`;
  return new WeightsError(`Cannot read tensor "${name}": there is none of that name in ${place}.`);
}
