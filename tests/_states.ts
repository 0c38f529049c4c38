/** A text encoder's states for a list of prompts, for tests. */
import type { EncodeRequest, TextEncoder } from "../core/parts.ts";
import type { Tensor } from "../core/tensor.ts";

/** `encoder_hidden_states` of the conditional pass. */
export async function encodeStates(
  encoder: TextEncoder,
  prompts: readonly string[],
  options: Pick<EncodeRequest, "clipSkip" | "syntax" | "onWarning"> = {},
): Promise<Tensor> {
  const request = { prompts, passes: ["conditional"], width: 64, height: 64, ...options };
  const { passes: [pass] } = await encoder.encode(request);
  return pass!.conditioning["encoder_hidden_states"]!;
}
