/**
 * `MLModel`: loading, introspection, prediction.
 *
 * @module
 */
import { UnsupportedModelError } from "../../core/errors.ts";
import type { Port } from "../backend.ts";
import {
  attempt,
  fromNSArray,
  fromNSDictionary,
  toFileURL,
  toNSDictionary,
  toNSString,
} from "./_foundation.ts";
import { elementType, shapeOf } from "./_multi_array.ts";
import type { Id, ObjectiveC } from "./_objc.ts";

/** The processors that Core ML may choose from. */
export type ComputeUnits = "all" | "cpuOnly" | "cpuAndGPU" | "cpuAndNeuralEngine";

/** `MLComputeUnits`. The last needs macOS 13. */
const computeUnitCodes: Readonly<Record<ComputeUnits, bigint>> = {
  cpuOnly: 0n,
  cpuAndGPU: 1n,
  all: 2n,
  cpuAndNeuralEngine: 3n,
};

/** What a model takes and gives, as its description says. */
export interface ModelPorts {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/**
 * Loads a compiled model. The model is borrowed from the pool.
 *
 * @throws {UnsupportedModelError} If Core ML cannot load it.
 */
export function loadModel(objc: ObjectiveC, path: string, computeUnits: ComputeUnits): Id {
  const configuration = objc.make("MLModelConfiguration", "init");
  objc.send(configuration, "setComputeUnits:", computeUnitCodes[computeUnits]);
  return attempt(objc, `load Core ML model "${path}"`, (error) =>
    objc.send(
      objc.class("MLModel"),
      "modelWithContentsOfURL:configuration:error:",
      toFileURL(objc, path),
      configuration,
      error,
    ), UnsupportedModelError);
}

/**
 * Reads a model's description.
 *
 * @throws {UnsupportedModelError} If an input or output is not a multi-array.
 */
export function describeModel(objc: ObjectiveC, model: Id): ModelPorts {
  const description = objc.get(model, "modelDescription");
  return {
    inputs: describePorts(objc, objc.get(description, "inputDescriptionsByName")),
    outputs: describePorts(objc, objc.get(description, "outputDescriptionsByName")),
  };
}

/**
 * Runs a model on multi-arrays, and gives the output multi-arrays that are asked for.
 *
 * @throws {Error} If Core ML refuses the inputs or fails.
 */
export function predict(
  objc: ObjectiveC,
  model: { readonly object: Id; readonly path: string },
  inputs: ReadonlyMap<string, Id>,
  outputs: readonly string[],
): Map<string, Id> {
  const valueClass = objc.class("MLFeatureValue");
  const values = new Map([...inputs].map(([name, array]) => [
    name,
    objc.get(valueClass, "featureValueWithMultiArray:", array),
  ]));
  const features = attempt(
    objc,
    `collect the inputs of Core ML model "${model.path}"`,
    (error) =>
      objc.make(
        "MLDictionaryFeatureProvider",
        "initWithDictionary:error:",
        toNSDictionary(objc, values),
        error,
      ),
  );
  const result = attempt(
    objc,
    `run Core ML model "${model.path}"`,
    (error) => objc.send(model.object, "predictionFromFeatures:error:", features, error),
  );
  return new Map(outputs.map((name) => {
    const value = objc.send(result, "featureValueForName:", toNSString(objc, name));
    return [name, objc.get(value, "multiArrayValue")];
  }));
}

function describePorts(objc: ObjectiveC, descriptions: Id): Port[] {
  return [...fromNSDictionary(objc, descriptions)].map(([name, description]) => {
    const constraint = objc.send(description, "multiArrayConstraint");
    if (constraint === null) {
      throw new UnsupportedModelError(
        `Cannot use Core ML model: its feature "${name}" is not a multi-array. Convert it with tensor inputs and outputs.`,
      );
    }
    const shape = shapeOf(objc, constraint);
    return {
      name,
      dtype: elementType(objc, constraint),
      shape: isFixed(objc, constraint) ? shape : shape.map((_, axis) => `${name}.${axis}`),
    };
  });
}

/** A model with one possible shape says so as an enumeration of one. */
function isFixed(objc: ObjectiveC, constraint: Id): boolean {
  const enumerated = 2n;
  const shapes = objc.send(constraint, "shapeConstraint");
  return objc.send(shapes, "type") === enumerated &&
    fromNSArray(objc, objc.send(shapes, "enumeratedShapes")).length === 1;
}
