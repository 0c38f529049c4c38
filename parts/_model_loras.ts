/** The LoRAs that a model can open by name. */
import type { LoraFileOpener } from "../adapters/mod.ts";
import { openSafetensors } from "../weights/safetensors.ts";
import type { GraphModelSource } from "./graph_model.ts";

/** Opens one of the model's own folder, `lora_<name>/`, or a file anywhere. */
export function modelLoraFiles({ folder }: GraphModelSource): LoraFileOpener {
  const files = [...folder?.files ?? []];
  return (source) => {
    const component = `lora_${source}`;
    const own = typeof source === "string" && files.some((file) => file.startsWith(`${component}/`));
    return own ? folder!.weights(component) : openSafetensors(source);
  };
}
