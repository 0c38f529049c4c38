/**
 * `inspect MODEL`: what a model consists of.
 *
 * @module
 */
import process from "node:process";
import { openWeights } from "../weights/open_weights.ts";
import { localFolder, readJson } from "../weights/model_folder.ts";
import { sizeOf } from "../core/tensor.ts";
import type { Weights } from "../weights/weights.ts";
import { SAMPLERS } from "../samplers/registry.ts";
import { align } from "./table.ts";
import { parseArguments, UsageError } from "./usage.ts";

/** One component of a model. */
export interface ComponentReport {
  /** Its folder. */
  readonly component: string;
  /** Its class, as its `config.json` or `model_index.json` names it. */
  readonly kind: string;
  /** Element types of its tensors. */
  readonly dtypes: readonly string[];
  /** Number of tensors. */
  readonly tensors: number;
  /** Number of parameters. */
  readonly parameters: number;
  /** Size of its weights in bytes. */
  readonly bytes: number;
}

/** Runs the command. */
export async function inspect(args: string[]): Promise<void> {
  const given = parseArguments(args, { json: { type: "boolean" }, variant: { type: "string" } });
  const [path, ...rest] = given.words;
  if (path === undefined || rest.length > 0) throw new UsageError("Expected one model: inspect MODEL.");
  const reports = await inspectModel(path, given.text("variant"));
  if (given.flag("json")) return void process.stdout.write(`${JSON.stringify(reports)}\n`);
  const rows = reports.map(({ component, kind, dtypes, tensors, parameters, bytes }) => [
    component,
    kind,
    dtypes.join(" "),
    `${tensors} tensors`,
    `${(parameters / 1e6).toFixed(1)} M parameters`,
    `${(bytes / 1e6).toFixed(1)} MB`,
  ]);
  const kinds = reports.flatMap(({ component }) => component.match(/^unet_?(.*)$/)?.[1] ?? []);
  const fitting = SAMPLERS.filter(({ weights }) =>
    kinds.includes(weights.replaceAll("-", "_")) || !needed.has(weights)
  );
  process.stdout.write(
    `${align(rows).join("\n")}\nsamplers: ${fitting.map(({ name }) => name).join(", ")}\n`,
  );
}

/** Weights that a sampler cannot do without. */
const needed: ReadonlySet<string> = new Set(["progressive-distillation", "ufogen"]);

/** Reads a model folder's configurations and the headers of its weights. */
export async function inspectModel(path: string, variant?: string): Promise<ComponentReport[]> {
  const folder = await localFolder(path);
  const components = [...folder.files].flatMap((file) => file.match(/^(\w+)\/config\.json$/)?.[1] ?? [])
    .sort();
  if (components.length === 0) {
    throw new TypeError(
      `Cannot inspect "${path}": it has no component with a config.json, expected a diffusers folder.`,
    );
  }
  const reports: ComponentReport[] = [];
  for (const component of components) {
    const config = await readJson(folder, `${component}/config.json`);
    const architectures = config.architectures as readonly string[] | undefined;
    const kind = String(config._class_name ?? architectures?.[0] ?? config.model_type ?? "unknown");
    await using weights = await openWeights(`${path}/${component}`, variant === undefined ? {} : { variant });
    reports.push({ component, kind, ...count(weights) });
  }
  return reports;
}

function count(weights: Weights): Omit<ComponentReport, "component" | "kind"> {
  const infos = [...weights.names()].map((name) => weights.info(name)!);
  return {
    dtypes: [...new Set(infos.map(({ dtype }) => dtype))].sort(),
    tensors: infos.length,
    parameters: infos.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    bytes: infos.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}
