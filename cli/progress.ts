/**
 * Progress with the remaining time, on standard error.
 *
 * @module
 */
import process from "node:process";
import cliProgress from "cli-progress";
import type { GenerationStep } from "../pipeline/generation.ts";

/** Shows the steps of a run. Where standard error is not a terminal, one line a step at most every two seconds. */
export class Progress implements Disposable {
  readonly #bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: "{phase} {bar} {value}/{total} steps, {eta_formatted} left",
    hideCursor: true,
    clearOnComplete: true,
    noTTYOutput: true,
    notTTYSchedule: 2000,
  }, cliProgress.Presets.shades_classic);
  #started = false;

  /** Advances the bar. */
  step({ index, steps }: GenerationStep): void {
    if (!this.#started) this.#bar.start(steps, 0, { phase: "denoising" });
    this.#started = true;
    this.#bar.update(index + 1, { phase: index + 1 < steps ? "denoising" : "decoding " });
  }

  /** Removes the bar. */
  [Symbol.dispose](): void {
    this.#bar.stop();
  }
}
