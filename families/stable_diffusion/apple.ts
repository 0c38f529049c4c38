/**
 * Models in the layouts of Apple's `ml-stable-diffusion`: a `Resources` folder with compiled Core ML models, or a
 * folder of the packages that its converter writes. Names, shapes and element types are read from the models
 * themselves. Their sizes are fixed, and asking for another is an error that says which one they have.
 *
 * @module
 */
import type { Runner } from "../../backends/backend.ts";
import { UnsupportedModelError } from "../../core/errors.ts";
import { LazyPart } from "../../core/lazy_part.ts";
import { BASE, type Model } from "../../core/model.ts";
import type { Control, TextEncoder, Vae } from "../../core/parts.ts";
import { loadTokenizer } from "../../tokenizer/load_tokenizer.ts";
import { ChunkedRunner } from "../../parts/apple/_chunked_runner.ts";
import { appleControl } from "../../parts/apple/_control.ts";
import { FixedRunner } from "../../parts/_fixed_runner.ts";
import { portsOf, wrap } from "../../parts/_ports.ts";
import { HostResidualAdder } from "../../parts/apple/_residuals.ts";
import { appleTextEncoder } from "../../parts/apple/_text_encoder.ts";
import { appleUnet } from "../../parts/apple/_unet.ts";
import { refusePrecisions } from "../_precisions.ts";
import { modelDefaults, STABLE_DIFFUSION_SCHEDULER } from "../_model_defaults.ts";
import type { Components } from "../components.ts";
import type { OpenModelOptions } from "../open_options.ts";
import { autoencoderVae } from "../../parts/vae.ts";

/** Picture pixels per latent pixel in this family. */
const SCALE = 8;

/** What latents are multiplied by for the UNet: Stable Diffusion's `scaling_factor`. */
const SCALING_FACTOR = 0.18215;

/**
 * Opens a model, to be run by `coreml()`. The UNet is loaded now, for its shapes (for the Neural Engine the first
 * load on a machine can take minutes); the other parts when they are first needed. With a `ControlledUnet` the model
 * takes controls: those in the folder, by their names.
 *
 * @throws {BackendUnavailableError} If the backend cannot run here.
 * @throws {UnsupportedModelError} If a model is not one of Stable Diffusion 1.x or 2.x, or if an option needs our
 * own networks (LoRA, textual inversion).
 * @throws {TypeError} If a part is missing.
 *
 * @example
 * ```ts ignore
 * import { createPipeline, localFolder } from "@mobile-diffusion/sdk";
 * import { coreml } from "@mobile-diffusion/sdk/backends/coreml";
 *
 * const backend = coreml({ computeUnits: "cpuAndNeuralEngine" });
 * const model = await openApple(await localFolder("Resources"), { backend });
 * await using pipeline = await createPipeline({ model });
 * const { images } = await pipeline.generate({ prompt: "a red house under a yellow moon", seed: 7 });
 * ```
 */
export async function openAppleModel(files: Components, options: OpenModelOptions): Promise<Model> {
  refuseChanges(files, options);
  const { backend } = options;
  const load = async (role: string): Promise<Runner> => {
    await using loaded = new AsyncDisposableStack();
    const chunks: Runner[] = [];
    for (const path of pathsOf(files, role)) {
      chunks.push(loaded.use(await backend.load({ kind: "coreml", path })));
    }
    loaded.move();
    return chunks.length === 1 ? chunks[0]! : new ChunkedRunner(chunks);
  };
  const loadHalf = (half: "vae_decoder" | "vae_encoder", input: string) => async (): Promise<Runner> =>
    await wrap(await load(half), (runner) => {
      const part = half === "vae_decoder" ? "the VAEDecoder" : "the VAEEncoder";
      const { [input]: main } = portsOf(runner, { part, inputs: { [input]: 4 } });
      return new FixedRunner(runner, { part, main: main!, scale: input === "z" ? SCALE : 1 });
    });

  const defaults = modelDefaults(STABLE_DIFFUSION_SCHEDULER, options);
  const tokenizer = loadTokenizer(await files.tokenizer("tokenizer"));
  const controllable = files.roles.has("controlled_unet");
  const part = new LazyPart(async (owned) =>
    owned.use(
      await appleUnet({
        load: (controlled) => load(controlled ? "controlled_unet" : "unet"),
        controlled: controllable && !files.roles.has("unet"),
        scale: SCALE,
      }),
    )
  );
  const { sizes, traits } = await part.get();
  const latentChannels = sizes.outChannels;
  return {
    name: files.name,
    backend: backend.name,
    unets: new Map([[BASE, { traits, part }]]),
    // deno-lint-ignore require-await -- both load when they are first called
    textEncoder: new LazyPart<TextEncoder>(async (owned) =>
      owned.use(appleTextEncoder(tokenizer, () => load("text_encoder")))
    ),
    // deno-lint-ignore require-await
    vae: new LazyPart<Vae>(async (owned) =>
      owned.use(autoencoderVae({
        latentChannels,
        scale: SCALE,
        scalingFactor: SCALING_FACTOR,
        loadDecoder: loadHalf("vae_decoder", "z"),
        loadEncoder: files.roles.has("vae_encoder") ? loadHalf("vae_encoder", "x") : undefined,
      }))
    ),
    size: sizes.sampleSize * SCALE,
    scale: SCALE,
    latentChannels,
    ...defaults,
    ...controllable && { openControl: controlOpener(files, options) },
  };
}

/** ControlNets of the folder by name, each one part. */
function controlOpener(
  files: Components,
  { backend }: OpenModelOptions,
): (name: string) => LazyPart<Control> {
  const controls = new Map<string, LazyPart<Control>>();
  return (name) => {
    const [path] = pathsOf(files, `control_${name}`) as [string];
    const part = controls.get(path) ?? new LazyPart<Control>(async (owned) => {
      const runner = owned.use(await backend.load({ kind: "coreml", path }));
      return appleControl({ runner, adder: owned.use(new HostResidualAdder(backend)), scale: SCALE });
    });
    controls.set(path, part);
    return part;
  };
}

/** Compiled networks are as they are. */
function refuseChanges({ name }: Components, options: OpenModelOptions): void {
  refusePrecisions(name, "Core ML", options);
  const { loraPorts, inversions = [] } = options;
  const asked = loraPorts !== undefined
    ? "LoRA ports"
    : inversions.length > 0
    ? "a textual inversion"
    : undefined;
  if (asked === undefined) return;
  throw new UnsupportedModelError(
    `Cannot open the model "${name}" with ${asked}: its networks are compiled. Merge it before they are converted, ` +
      `or open the model's safetensors.`,
  );
}

/** Paths of a part's models. */
function pathsOf(files: Components, role: string): readonly string[] {
  const program = files.need(role);
  if (program.kind === "coreml") return program.paths;
  throw new TypeError(`Cannot load the ${role} of "${files.name}": it is no Core ML model.`);
}
