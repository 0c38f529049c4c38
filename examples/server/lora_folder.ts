/**
 * The LoRAs that a prompt may name: files of one folder, found by listing it and never by opening a name.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import type { LoraInput } from "../../core/model.ts";
import { extraNetworks } from "../../tokenizer/mod.ts";
import { refuse } from "./limits.ts";

/** LoRAs by their names. */
export interface LoraFolder {
  /** Names, in order. */
  names(): Promise<readonly string[]>;
  /** Takes `<lora:name:0.8>` out of a prompt. @throws {HTTPException} If there is no such LoRA. */
  take(prompt: string): Promise<{ readonly prompt: string; readonly loras: readonly LoraInput[] }>;
}

/** @param folder Where the files lie; without one there are none. */
export function loraFolder(folder?: string): LoraFolder {
  async function files(): Promise<ReadonlyMap<string, string>> {
    const entries = folder === undefined ? [] : await readdir(folder, { recursive: true });
    const found = entries.map((entry) => entry.replaceAll("\\", "/")).filter((path) =>
      path.endsWith(".safetensors")
    );
    return new Map(
      found.sort().map((path) => [path.replace(/^.*\//, "").slice(0, -".safetensors".length), path]),
    );
  }
  return {
    names: async () => [...(await files()).keys()],
    async take(prompt) {
      const { networks } = extraNetworks(prompt);
      const named = networks.filter(({ kind }) => kind === "lora");
      if (named.length === 0) return { prompt, loras: [] };
      const known = await files();
      const loras = named.map(({ name, scale, spelling }) => {
        const path = known.get(name);
        if (path !== undefined) return { source: `${folder}/${path}`, scale, strict: false };
        const names = [...known.keys()].join(", ") || "none (--lora-folder names a folder)";
        refuse(`The prompt names ${JSON.stringify(spelling)}, the LoRAs here are ${names}.`, "prompt");
      });
      return { prompt: named.reduce((text, { spelling }) => text.replace(spelling, ""), prompt), loras };
    },
  };
}
