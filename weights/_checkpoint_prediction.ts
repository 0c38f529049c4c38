import type { PredictionType } from "../core/schedule.ts";
import type { Weights } from "./weights.ts";

/** What metadata (ModelSpec's, kohya's) or marker tensors say. */
export function inferPredictionType(
  weights: Weights & { readonly metadata?: Readonly<Record<string, string>> },
): PredictionType | undefined {
  const { metadata = {} } = weights;
  const said = metadata["modelspec.prediction_type"] ?? metadata["modelspec.architecture"];
  if (said !== undefined && /(^|-)v(_prediction)?$/.test(said)) return "v_prediction";
  if (said === "epsilon" || said?.endsWith("-v2-512")) return "epsilon";
  if (metadata.ss_v_parameterization === "True" || weights.info("v_pred") !== undefined) {
    return "v_prediction";
  }
}
