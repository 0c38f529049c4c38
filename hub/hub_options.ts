/**
 * How a model is found and fetched.
 *
 * @module
 */

/** How far a download is. All numbers are bytes. */
export interface DownloadProgress {
  /** The file that is on its way. */
  readonly file: string;
  /** What is here of it. */
  readonly received: number;
  /** Its size. */
  readonly total: number;
  /** What is here of all files. */
  readonly allReceived: number;
  /** The size of all files, as far as it is known. */
  readonly allTotal: number;
}

/**
 * Says which files of a repository are needed.
 *
 * @param names Paths of all files, with "/" between names.
 * @param readJson Reads a JSON object of the repository; for small files.
 * @returns Paths in the order in which to get them.
 */
export type Planner = (
  names: readonly string[],
  readJson: (path: string) => Promise<Readonly<Record<string, unknown>>>,
) => readonly string[] | Promise<readonly string[]>;

/** Where a model comes from, and which files of it. */
export interface HubOptions {
  /**
   * A branch, tag or commit.
   *
   * @default {"main"}
   */
  readonly revision?: string;
  /**
   * The variant of the weights, such as `"fp16"`. Without it the plain ones, or else the only ones there are.
   */
  readonly variant?: string;
  /**
   * Exactly these files, for repositories that are no diffusers models, such as collections of checkpoints.
   */
  readonly files?: readonly string[];
  /**
   * Which files are needed, where it is not the diffusers or ONNX layout.
   *
   * @default {{@linkcode planDownload}}
   */
  readonly plan?: Planner;
  /**
   * Use the cache alone; nothing is asked of the network.
   *
   * @default {whether `HF_HUB_OFFLINE` says so}
   */
  readonly offline?: boolean;
  /**
   * Ask the hub whether the branch has moved on, although the cache has a whole copy.
   *
   * @default {false}
   */
  readonly refresh?: boolean;
  /**
   * A hub that speaks as Hugging Face does, such as a mirror.
   *
   * @default {`HF_ENDPOINT`, or "https://huggingface.co"}
   */
  readonly baseUrl?: string;
  /**
   * Access token for private and gated models. It is sent to the hub and nowhere else; `""` sends none.
   *
   * @default {`HF_TOKEN`, or the one that `hf auth login` left in `HF_HOME/token`}
   */
  readonly token?: string;
  /** Stops the download; what has arrived is kept for the next time. */
  readonly signal?: AbortSignal;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /**
   * How often a broken line or a busy hub is tried again without progress in between, after 0.25 s, 0.5 s and so on,
   * or as late as the hub asks, before the call fails.
   *
   * @default {4}
   */
  readonly retries?: number;
  /**
   * How long nothing may arrive before a line counts as broken, in milliseconds.
   *
   * @default {30_000}
   */
  readonly patience?: number;
}
