/** A schedule of rectified flow, out of a scheduler's configuration. */
import type { Reader } from "./_config_reader.ts";
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
  const shiftTerminal = read.number("shift_terminal");
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
  const shift = read.number(key);
  const dynamic = {
    baseShift: read.number("base_shift"),
    maxShift: read.number("max_shift"),
    baseTokens: read.number("base_image_seq_len"),
    maxTokens: read.number("max_image_seq_len"),
  };
  const given = Object.fromEntries(Object.entries(dynamic).filter(([, value]) => value !== undefined));
  return {
    kind: "flow",
    trainTimesteps: read.number("num_train_timesteps") ?? 1000,
    ...shift !== undefined && { shift },
    ...read.boolean("use_dynamic_shifting", false) && { dynamicShift: { type, ...given } },
  };
}
