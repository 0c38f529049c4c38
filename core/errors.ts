/**
 * The errors that callers catch. Everything else is a built-in: `TypeError` for a wrong kind of value,
 * `RangeError` for one out of range, `DOMException` "AbortError" for a cancelled call.
 *
 * @module
 */

/** The backend cannot run here (no adapter, no permission, another platform); another backend may. */
export class BackendUnavailableError extends Error {
  /** "BackendUnavailableError". */
  override readonly name = "BackendUnavailableError";
}

/** The model, or a part of it, is of a kind that this backend or this SDK does not run. */
export class UnsupportedModelError extends Error {
  /** "UnsupportedModelError". */
  override readonly name = "UnsupportedModelError";
}

/** A weight file is damaged, or its tensors are not those that the network needs. */
export class WeightsError extends Error {
  /** "WeightsError". */
  override readonly name = "WeightsError";
}
