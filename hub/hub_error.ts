/**
 * What goes wrong between here and a model hub.
 *
 * @module
 */

/** Why a model could not be had; what to do about it differs. */
export type HubErrorReason =
  /** `offline` was asked for and the model is not in the cache. */
  | "offline"
  /** There is no such model, revision or file; to those without a token, private ones look the same. */
  | "not-found"
  /** The hub wants a token, or refuses this one. */
  | "unauthorized"
  /** The token's owner may not read it, for example has not accepted the licence. */
  | "forbidden"
  /** The hub does not answer, or not sensibly. What has arrived is kept. */
  | "network"
  /** The disk is full, or the browser's quota used up. What has arrived is kept. */
  | "no-space";

/** A model could not be downloaded, for a {@linkcode HubError.reason} that callers may react to. */
export class HubError extends Error {
  /** The class's own name. */
  override readonly name = "HubError";
  /** Why. */
  readonly reason: HubErrorReason;

  /** Says what was tried, what happened and what would help. */
  constructor(reason: HubErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
