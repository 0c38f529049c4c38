/** The formats that ComfyUI's files say their layers have: in a tensor `MODULE.comfy_quant`, or in the header. */
import { HeaderProblem } from "./_safetensors_header.ts";
import type { Weights } from "./weights.ts";

/** Formats that are codes times scales. */
const known: ReadonlySet<unknown> = new Set(["float8_e4m3fn", "float8_e5m2", "int8_tensorwise"]);

/** The largest description that is read, in bytes. */
const longest = 2 ** 16;

/**
 * The format that each module says it has.
 *
 * @throws {HeaderProblem} If one is not known, or no JSON.
 */
export async function saidFormats(
  file: Weights & { readonly metadata?: Readonly<Record<string, string>> },
): Promise<ReadonlyMap<string, string>> {
  const formats = new Map<string, string>();
  const header = file.metadata?.["_quantization_metadata"];
  if (header !== undefined) {
    const { layers } = parsed(header, "_quantization_metadata of the header");
    if (typeof layers !== "object" || layers === null) {
      throw new HeaderProblem("_quantization_metadata of the header names no layers");
    }
    for (const [module, said] of Object.entries(layers)) formats.set(module, formatOf(module, said));
  }
  for (const name of file.names()) {
    const module = name.match(/^(.*)\.comfy_quant$/)?.[1];
    if (module === undefined) continue;
    const { byteLength, dtype } = file.info(name)!;
    if (dtype !== "U8" || byteLength > longest) {
      throw new HeaderProblem(
        `comfy_quant of "${module}" is ${byteLength} bytes of ${dtype}, expected JSON in U8`,
      );
    }
    const text = new TextDecoder().decode(await file.read(name));
    formats.set(module, formatOf(module, parsed(text, `comfy_quant of "${module}"`)));
  }
  return formats;
}

function parsed(text: string, place: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HeaderProblem(`${place} is not JSON`, { cause });
  }
  if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new HeaderProblem(`${place} is not a JSON object`);
}

function formatOf(module: string, said: unknown): string {
  const { format, convrot } = (said ?? {}) as Readonly<Record<string, unknown>>;
  if (convrot) {
    throw new HeaderProblem(`"${module}" has rotated weights (convrot), which are not supported`);
  }
  if (!known.has(format)) {
    throw new HeaderProblem(
      `"${module}" has the format ${JSON.stringify(format)}, expected one of ${[...known].join(", ")}`,
    );
  }
  return format as string;
}
