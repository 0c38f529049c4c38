/**
 * The side of the backend that talks to Core ML. It runs wholly on one thread, and every call is one pool.
 *
 * What outlives a call (models, and outputs that the caller keeps) stays here under a number, its *handle*, until
 * it is released; nothing else does.
 *
 * @module
 */
import type { Tensor, TensorData } from "../../core/tensor.ts";
import { compiledModel } from "./_compilation.ts";
import type { Frameworks } from "./_frameworks.ts";
import { type ComputeUnits, describeModel, loadModel, type ModelPorts, predict } from "./_model.ts";
import { type ElementType, elementType, read, shapeOf, wrap } from "./_multi_array.ts";
import { type Id, ObjectiveC } from "./_objc.ts";

/** What {@linkcode Engine.load} is told. */
export interface LoadRequest {
  readonly path: string;
  readonly computeUnits: ComputeUnits;
  readonly cacheFolder: string | undefined;
}

/** A model in the engine. */
export interface LoadedModel extends ModelPorts {
  readonly handle: number;
}

/** What {@linkcode Engine.run} is told. */
export interface RunRequest {
  /** The model's handle. */
  readonly model: number;
  readonly inputs: ReadonlyMap<string, HostOrKept>;
  /** Names of the outputs to give. */
  readonly outputs: readonly string[];
  /** Names of those that stay in the engine. */
  readonly keep: readonly string[];
}

/** An output that stays in the engine. */
export interface KeptArray {
  readonly handle: number;
  readonly shape: readonly number[];
}

/** A tensor of ours, or one in the engine. */
export type HostOrKept = Tensor<TensorData> | KeptArray;

/** Something that the engine has retained. */
interface Owned {
  readonly object: Id;
}

interface OwnedModel extends Owned {
  readonly path: string;
  /** Element types of the inputs. */
  readonly types: ReadonlyMap<string, ElementType>;
}

interface OwnedArray extends Owned {
  /** The inputs of the run that made it: its memory is theirs if the model passes one of them through. */
  readonly borrowed: readonly ArrayBuffer[];
}

/** Loads and runs models. */
export class Engine {
  #objc!: ObjectiveC;
  readonly #models = new Map<number, OwnedModel>();
  readonly #arrays = new Map<number, OwnedArray>();
  #handles = 0;

  /**
   * Opens the libraries, before anything else.
   *
   * @throws {Error} If one of them cannot be opened.
   */
  open(frameworks: Frameworks): void {
    this.#objc = new ObjectiveC(frameworks);
  }

  /** Closes the libraries, after everything else. */
  close(): void {
    this.#objc?.[Symbol.dispose]();
  }

  /** Loads a model; a package is compiled first. */
  load({ path, computeUnits, cacheFolder }: LoadRequest): LoadedModel {
    return this.#objc.pool(() => {
      const object = loadModel(this.#objc, compiledModel(this.#objc, path, cacheFolder), computeUnits);
      const ports = describeModel(this.#objc, object);
      const types = new Map(ports.inputs.map(({ name, dtype }) => [name, dtype as ElementType]));
      return { ...ports, handle: this.#own(this.#models, { object, path, types }) };
    });
  }

  /** Runs a model once. */
  run({ model, inputs, outputs, keep }: RunRequest): Map<string, HostOrKept> {
    const { object, path, types } = this.#get(this.#models, model);
    const borrowed: ArrayBuffer[] = [];
    try {
      return this.#objc.pool(() => {
        const arrays = new Map<string, Id>();
        for (const [name, input] of inputs) arrays.set(name, this.#array(input, types.get(name)!, borrowed));
        const results = new Map<string, HostOrKept>();
        for (const [name, array] of predict(this.#objc, { object, path }, arrays, outputs)) {
          results.set(name, keep.includes(name) ? this.#keep(array, borrowed) : read(this.#objc, array));
        }
        return results;
      });
    } finally {
      borrowed.length = 0; // until here, after the pool, our memory must not be collected
    }
  }

  /** Copies a kept output. */
  read({ handle }: Pick<KeptArray, "handle">): Tensor<TensorData> {
    return this.#objc.pool(() => read(this.#objc, this.#get(this.#arrays, handle).object));
  }

  /** Lets go of a model or of a kept output. */
  release({ handle }: Pick<KeptArray, "handle">): void {
    const owned = this.#models.get(handle) ?? this.#get(this.#arrays, handle);
    this.#objc.pool(() => this.#objc.release(owned.object));
    this.#models.delete(handle);
    this.#arrays.delete(handle);
  }

  /** An input as a multi-array of the type that the model wants. */
  #array(input: HostOrKept, type: ElementType, borrowed: ArrayBuffer[]): Id {
    if ("data" in input) return wrap(this.#objc, input, type, borrowed);
    const { object } = this.#get(this.#arrays, input.handle);
    return elementType(this.#objc, object) === type
      ? object
      : wrap(this.#objc, read(this.#objc, object), type, borrowed);
  }

  #keep(object: Id, borrowed: readonly ArrayBuffer[]): KeptArray {
    const handle = this.#own(this.#arrays, { object, borrowed: [...borrowed] });
    return { handle, shape: shapeOf(this.#objc, object) };
  }

  #own<T extends Owned>(owners: Map<number, T>, owned: T): number {
    this.#objc.retain(owned.object);
    owners.set(++this.#handles, owned);
    return this.#handles;
  }

  #get<T extends Owned>(owners: ReadonlyMap<number, T>, handle: number): T {
    const owned = owners.get(handle);
    if (owned === undefined) throw new Error(`Cannot use Core ML object ${handle}: it has been released.`);
    return owned;
  }
}
