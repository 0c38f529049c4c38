/**
 * A program loaded into a runtime, as a runner sees it, wherever it lives: on this thread, behind a worker, on a device.
 *
 * @module
 */
import type { DeviceTensor, TensorData } from "../../core/tensor.ts";
import type { Port } from "../backend.ts";

/** The arrays that hold a program's tensors; float16 is its bits. */
export type PortData = TensorData | Uint16Array | Float64Array | Int8Array | Uint32Array | Int16Array;

/** A tensor of a program's own element type, in host memory. */
export interface PortTensor {
  /** Its element type, as `float16`. */
  readonly type: string;
  /** The elements, row-major. */
  readonly data: PortData;
  /** Sizes, outermost first. */
  readonly dims: readonly number[];
}

/** A session. */
export interface Session {
  /** What it takes. */
  readonly inputs: readonly Port[];
  /** What it gives. */
  readonly outputs: readonly Port[];
  /** Runs once. Outputs named in `keep` may stay on the device; a session without one gives host tensors. */
  run(feeds: Feeds, keep: ReadonlySet<string>): Promise<Record<string, PortTensor | DeviceTensor>>;
  /** Whether the session can take this tensor for that port where it is; absent where there is no device. */
  accepts?(tensor: DeviceTensor, port: Port): boolean;
  /** Frees what the session holds. */
  release(): Promise<void>;
  /** Stops the run in flight, which rejects, and loses the session; absent where nothing can stop a run. */
  abandon?(): void;
  /** Whether it cannot run again: abandoned, or its worker or its device has gone. */
  isLost?(): boolean;
}

/** Inputs by name: host tensors of the port's type, or tensors that the session accepts. */
export type Feeds = Readonly<Record<string, PortTensor | DeviceTensor>>;
