/**
 * The backend over any libraries: Apple's, or a test rig's.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import type { Backend, LoadOptions, PartSource, Runner } from "../backend.ts";
import type { CoreMLOptions } from "../coreml.ts";
import { refuseOtherTypes } from "../precision.ts";
import { requireCoreML } from "./_availability.ts";
import { EngineQueue } from "./_engine_queue.ts";
import type { Frameworks } from "./_frameworks.ts";
import { localPort, workerPort } from "./_engine_port.ts";
import { CoreMLRunner } from "./_runner.ts";

/** Loads compiled models into an engine that lives from the first load to the last disposal. */
export class CoreMLBackend implements Backend {
  readonly name = "coreml";
  readonly #options: CoreMLOptions;
  readonly #frameworks: Frameworks;
  #engine: EngineQueue | undefined;

  constructor(options: CoreMLOptions, frameworks: Frameworks) {
    this.#options = options;
    this.#frameworks = frameworks;
  }

  async load(source: PartSource, { signal, dtype }: LoadOptions = {}): Promise<Runner> {
    if (source.kind !== "coreml") {
      throw new UnsupportedModelError(
        `Cannot load a source of kind "${source.kind}" on the coreml backend: it runs compiled Core ML models only. ` +
          `For other models on Apple hardware take native({ provider: "coreml" }).`,
      );
    }
    refuseOtherTypes(`"${source.path}" on coreml`, "a Core ML", dtype === undefined ? {} : { dtype });
    const { computeUnits = "all", cacheFolder } = this.#options;
    await requireCoreML(this.#frameworks);
    signal?.throwIfAborted();

    const { path } = source;
    const engine = this.#engine ??= this.#start();
    engine.join();
    try {
      await engine.open(this.#frameworks);
      const model = await engine.call("load", { path, computeUnits, cacheFolder }, {
        signal,
        abandoned: (model) => void engine.call("release", model),
      });
      return new CoreMLRunner(engine, model, path);
    } catch (error) {
      engine.leave();
      throw error;
    }
  }

  #start(): EngineQueue {
    const port = this.#options.worker ?? true ? workerPort() : localPort();
    return new EngineQueue(port, () => this.#engine = undefined);
  }
}
