/**
 * `inspect WHAT`: what anything that `generate` takes consists of: a model in any form, a LoRA, an embedding, a picture.
 *
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { resolveModel, type ResolveModelOptions } from "../hub/mod.ts";
import { mini } from "../presets/mini.ts";
import { readPictureRequest } from "../presets/records/read_picture_request.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { localFolder, type ModelFolder, readJson } from "../weights/model_folder.ts";
import { configReport } from "./_config_report.ts";
import { componentOf, type ComponentReport, fileReports } from "./_file_reports.ts";
import { hubOptions, readHub } from "./_hub_options.ts";
import { printable } from "./printable.ts";
import { align } from "./table.ts";
import { reasonOf } from "./_reason.ts";
import { writeOut } from "./_streams.ts";
import { type CommandEntry, type ParsedArguments, UsageError } from "./usage.ts";

/** The command. */
export const inspectCommand: CommandEntry = {
  name: "inspect",
  text: "say what a model, a LoRA, an embedding or a picture consists of",
  words: { what: '"mini", a folder, a file, or OWNER/NAME on a hub' },
  options: {
    "variant": { value: "name", text: 'which of several weights, as "fp16"', default: "the plain ones" },
    ...hubOptions,
    "json": { text: "say it as JSON" },
  },
  examples: ["mini", "./stable-diffusion-v1-5", "style.safetensors", "house.png"],
  run: inspect,
};

async function inspect(given: ParsedArguments): Promise<void> {
  const [path, ...rest] = given.words;
  if (path === undefined || rest.length > 0) {
    throw new UsageError("Expected one thing: inspect MODEL, LORA or PICTURE.");
  }
  const asJson = given.flag("json");
  if (/\.(?:png|jpe?g|webp)$/i.test(path)) return await inspectPicture(path, asJson);
  const reports = await inspectModel(path, given.text("variant"), readHub(given));
  if (asJson) return void writeOut(`${printable(JSON.stringify(reports))}\n`);
  const rows = reports.map(({ component, kind, dtypes, tensors, parameters, bytes, bits }) =>
    [
      component,
      kind,
      dtypes.join(", "),
      `${tensors} tensors`,
      `${(parameters / 1e6).toFixed(2)} M parameters`,
      tensors > 0 && bytes === 0 ? "no weights here" : `${(bytes / 1e6).toFixed(1)} MB`,
      parameters === 0 || bytes === 0 ? "" : `${bits.toFixed(1)} bits each`,
    ].map(printable)
  );
  const kinds = reports.flatMap(({ component }) => component.match(/^unet_?(.*)$/)?.[1] ?? []);
  const fitting = SAMPLERS.filter(({ weights }) =>
    kinds.includes(weights.replaceAll("-", "_")) || kinds.length > 0 && !needed.has(weights)
  );
  const samplers = fitting.length === 0 ? "" : `samplers: ${fitting.map(({ name }) => name).join(", ")}\n`;
  writeOut(`${align(rows).join("\n")}\n${samplers}`);
}

/** Weights that a sampler cannot do without. */
const needed: ReadonlySet<string> = new Set(["progressive-distillation", "ufogen"]);

/** How a picture was made, by its own file. */
async function inspectPicture(path: string, asJson: boolean): Promise<void> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UsageError(`Cannot inspect "${path}": ${reasonOf(cause)}.`);
  });
  const { writer, model, options, remarks, kept } = await readPictureRequest(bytes);
  if (asJson) {
    return void writeOut(
      `${printable(JSON.stringify({ writer, model, options, remarks, kept }))}\n`,
    );
  }
  const said = Object.entries(options).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
  const rows = [["writer", writer], ...model === undefined ? [] : [["model", model]], ...said];
  const lines = [
    ...align(rows.map((row) => row.map(printable))),
    ...remarks.map(({ text }) => printable(text)),
  ];
  writeOut(`${lines.join("\n")}\n`);
}

/**
 * The parts of a model: `mini`, a folder of any layout, a single file, an `owner/name` on a hub; or what a LoRA, an
 * embedding or a network of its own in one file holds. Only headers are read.
 */
async function inspectModel(
  path: string,
  variant: string | undefined,
  hub: ResolveModelOptions,
): Promise<ComponentReport[]> {
  if (path === "mini") return await folderReports(await mini(), variant);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined && /^[\w-][\w.-]*\/[\w.-]+$/.test(path)) {
    return await folderReports(
      await localFolder(await resolveModel(path, { ...hub, ...variant !== undefined && { variant } })),
      variant,
    );
  }
  if (found?.isFile()) return await fileReports(path);
  return await folderReports(await localFolder(path), variant);
}

async function folderReports(folder: ModelFolder, variant: string | undefined): Promise<ComponentReport[]> {
  const configs = [...folder.files].flatMap((file) => file.match(/^(\w+)\/config\.json$/)?.[1] ?? []).sort();
  const reports: ComponentReport[] = [];
  for (const component of configs) {
    const config = await readJson(folder, `${component}/config.json`);
    const architectures = config.architectures as readonly string[] | undefined;
    const kind = String(config._class_name ?? architectures?.[0] ?? config.model_type ?? "unknown");
    const onnx = [...folder.files].some((file) => file.startsWith(`${component}/`) && file.endsWith(".onnx"));
    if (onnx) continue; // told below
    const isEmpty = ![...folder.files].some((file) =>
      file.startsWith(`${component}/`) && /\.(?:safetensors|bin|index\.json)$/.test(file)
    );
    const planned = isEmpty && folder.path !== undefined ? configReport(component, kind, config) : undefined;
    if (planned !== undefined) {
      reports.push(planned);
      continue;
    }
    await using weights = await folder.weights(component, variant === undefined ? {} : { variant });
    reports.push(componentOf(component, kind, weights));
  }
  for (const file of [...folder.files].sort()) {
    const [, component] = file.match(/^(\w+)\/[^/]+\.onnx$/) ?? [];
    if (component !== undefined) reports.push(await otherReport(folder, component, "ONNX model", file));
    const [, package_] =
      file.match(/^(?:.*\/)?([^/]+\.ml(?:modelc|package))\/(?:Manifest\.json|coremldata\.bin)$/) ?? [];
    if (package_ !== undefined) reports.push(await otherReport(folder, package_, "Core ML model", file));
    if (/^[^/]+\.(?:safetensors|gguf)$/.test(file)) {
      reports.push(...await fileReports(folder.source(file) as string, file.replace(/\.\w+$/, "")));
    }
  }
  if (reports.length > 0) return reports;
  throw new TypeError(
    `Cannot inspect "${folder.name}": it holds no weights that are known, expected a folder of diffusers, ONNX or Core ML ` +
      "models, or a .safetensors or .gguf file.",
  );
}

/** A network whose tensors are not looked at. */
async function otherReport(
  folder: ModelFolder,
  component: string,
  kind: string,
  file: string,
): Promise<ComponentReport> {
  const source = folder.source(file);
  const bytes = typeof source === "string" ? (await stat(source)).size : 0;
  return { component, kind, dtypes: [], tensors: 0, parameters: 0, bytes, bits: 0 };
}
