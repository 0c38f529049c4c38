/** The LoRAs that a model can open by name. */
import { type LoraFileOpener, openLoraFile } from "../adapters/mod.ts";
import { WeightsError } from "../core/errors.ts";
import type { Components } from "./components.ts";

/** Opens one of the model's own folder, `lora_<name>/`, or a file anywhere. */
export function modelLoraFiles({ folder }: Pick<Components, "folder">): LoraFileOpener {
  const own = new Set([...folder?.files ?? []].flatMap((file) => file.match(/^lora_([^/]+)\//)?.[1] ?? []));
  return async (source) => {
    if (typeof source !== "string") return await openLoraFile(source);
    if (own.has(source)) return await folder!.weights(`lora_${source}`);
    return await openLoraFile(source).catch((cause: Error) => {
      if (own.size === 0 || /[./\\]/.test(source)) throw cause;
      const message = `Cannot open the LoRA "${source}": expected a file, or one that the model carries: `;
      throw new WeightsError(`${message}${[...own].join(", ")}.`, { cause });
    });
  };
}
