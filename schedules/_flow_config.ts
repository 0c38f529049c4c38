/** A schedule of rectified flow, out of a scheduler's configuration. */
import { mostTimesteps, type Reader } from "./_config_reader.ts";
import type { FlowScheduleConfig, ShiftOfSize } from "./flow.ts";

/** The numbers of a flow schedule, as a file has them. */
export interface FlowConfig extends Omit<FlowScheduleConfig, "dynamicShift"> {
  /** Tells it from the numbers of a DDPM schedule. */
  readonly kind: "flow";
  /** A shift whose mu is known with the picture's size only, in place of `shift`. */
  readonly dynamicShift?: ShiftOfSize & { readonly type: "exponential" | "linear" };
}

/** Of FlowMatchEuler and FlowMatchHeun, whose fields are without a prefix. */
export function readFlowMatch(read: Reader): FlowConfig {
  const spacings = { karras: "karras", exponential: "exponential", beta: "beta" } as const;
  const sigmas = Object.values(spacings).find((name) => read.boolean(`use_${name}_sigmas`, false));
  const shiftTerminal = read.number("shift_terminal", 0, 1);
  return {
    ...shiftOf(read, "shift"),
    ...shiftTerminal !== undefined && { shiftTerminal },
    ...sigmas !== undefined && { sigmas },
    ...read.boolean("invert_sigmas", false) && { invertSigmas: true },
  };
}

/** Of the solvers with `use_flow_sigmas`. */
export function readFlowSigmas(read: Reader, solverLevels: FlowScheduleConfig["solverLevels"]): FlowConfig {
  read.only("prediction_type", "flow_prediction", "epsilon");
  return { ...shiftOf(read, "flow_shift"), ...solverLevels !== undefined && { solverLevels } };
}

function shiftOf(read: Reader, key: string): FlowConfig {
  const type = read.choice("time_shift_type", ["exponential", "linear"], "exponential");
  const shift = read.number(key, 1e-6, 1e6);
  const dynamic = {
    baseShift: read.number("base_shift", -100, 100),
    maxShift: read.number("max_shift", -100, 100),
    baseTokens: read.whole("base_image_seq_len", 1, 1 << 20),
    maxTokens: read.whole("max_image_seq_len", 1, 1 << 20),
  };
  const given = Object.fromEntries(Object.entries(dynamic).filter(([, value]) => value !== undefined));
  return {
    kind: "flow",
    trainTimesteps: read.whole("num_train_timesteps", 1, mostTimesteps) ?? 1000,
    ...shift !== undefined && { shift },
    ...read.boolean("use_dynamic_shifting", false) && { dynamicShift: { type, ...given } },
  };
}
