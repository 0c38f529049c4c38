/** Name of the input that holds a factor of a module. */
export function portName(module: string, factor: "down" | "up"): string {
  return `lora.${module}.${factor}`;
}

/** The module that an input holds the `down` factor of, or `undefined` for other inputs. */
export function downModule(name: string): string | undefined {
  return name.match(/^lora\.(.+)\.down$/)?.[1];
}
