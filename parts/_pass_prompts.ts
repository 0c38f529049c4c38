/** The prompts of all passes as one list of texts, and their states as passes again. */
import type { Encoded, EncodeRequest } from "../core/parts.ts";
import { sliceRows, type Tensor } from "../core/tensor.ts";

/**
 * The texts of all passes as one list, the conditional ones first, so that one call encodes them equally long; and how
 * their states become passes again.
 *
 * @throws {RangeError} If a pass is neither conditional nor unconditional.
 */
export function passPrompts(
  { prompts, negativePrompts = prompts.map(() => ""), passes }: Pick<
    EncodeRequest,
    "prompts" | "negativePrompts" | "passes"
  >,
): { readonly prompts: readonly string[]; readonly encoded: (states: Tensor) => Encoded } {
  const texts: Readonly<Record<string, readonly string[]>> = {
    conditional: prompts,
    unconditional: negativePrompts,
  };
  const order = ["conditional", "unconditional"].filter((name) => passes.includes(name));
  const unknown = passes.find((name) => !order.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot encode the prompts for the pass "${unknown}": expected "conditional" or "unconditional".`,
    );
  }
  const count = prompts.length;
  return {
    prompts: order.flatMap((name) => texts[name]!),
    encoded: (states: Tensor): Encoded => ({
      passes: passes.map((name) => {
        const start = order.indexOf(name) * count;
        return { name, conditioning: { encoder_hidden_states: sliceRows(states, start, start + count) } };
      }),
    }),
  };
}
