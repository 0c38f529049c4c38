/** PyTorch's pickle files are programs that run when they are opened; this package never opens one. */
import { WeightsError } from "../core/errors.ts";

const pickle = /\.(bin|ckpt|pth?|pkl|pickle)$/i;

/** Whether a file name is that of a pickle. */
export function isPickle(path: string): boolean {
  return pickle.test(path);
}

/** Refuses a pickle by its file name. */
export function refusePickle(path: string): void {
  if (isPickle(path)) throw pickleError(path);
}

/** Says which file to get: the safetensors that publishers put beside the pickle. */
export function pickleError(path: string): WeightsError {
  const name = path.split(/[\\/]/).at(-1)!;
  const wanted = name.replace(/^pytorch_model\b/, "model").replace(pickle, ".safetensors");
  return new WeightsError(
    `Cannot open "${path}": it is a pickle, which runs code when opened. Get "${wanted}" in its place.`,
  );
}
