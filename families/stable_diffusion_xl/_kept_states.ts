/** What the text encoders gave for texts, kept: the same prompt with another seed needs neither of them. */
import type { Model } from "../../core/model.ts";
import type { ClipEncoder, ClipStates } from "./_text_encoder.ts";

/** How many calls of an encoder are kept; one of two rows takes about a megabyte. */
const most = 8;

/** The states of one model's texts. */
export class KeptStates {
  readonly #kept: readonly Map<string, ClipStates>[] = [new Map(), new Map()];

  /**
   * An encoder that is called only for rows that it has not seen together.
   *
   * @param index Which of the two it is.
   */
  of(encoder: ClipEncoder, index: 0 | 1): ClipEncoder {
    const kept = this.#kept[index]!;
    return {
      ...encoder,
      async encode(rows, clipSkip) {
        const key = JSON.stringify([clipSkip, rows]);
        const states = kept.get(key) ?? await encoder.encode(rows, clipSkip);
        kept.delete(key); // the latest last
        kept.set(key, states);
        const [oldest] = kept.keys();
        if (kept.size > most) kept.delete(oldest!);
        return states;
      },
      [Symbol.asyncDispose]: () => encoder[Symbol.asyncDispose](),
    };
  }

  /** The model, which forgets its texts when its LoRAs change. */
  forgetting(model: Model): Model {
    const { setLoras } = model;
    if (setLoras === undefined) return model;
    return {
      ...model,
      setLoras: async (...given) => {
        const unmatched = await setLoras(...given);
        for (const kept of this.#kept) kept.clear();
        return unmatched;
      },
    };
  }
}
