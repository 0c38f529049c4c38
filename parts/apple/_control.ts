/** Apple's ControlNet: a model that reads the noisy latent at every step. */
import type { Runner } from "../../backends/backend.ts";
import type { Control, Residuals } from "../../core/parts.ts";
import type { Tensor } from "../../core/tensor.ts";
import { type CheckedOptions, checkLatent, checkOptions, conditionPixels } from "../_control_inputs.ts";
import { preparedControl } from "../_prepared_control.ts";
import { release, type ResidualAdder } from "../_residuals.ts";
import { entry } from "../_conditioning.ts";
import { channelsFirst } from "./_conditioning.ts";
import { FixedRunner, takeRows } from "../_fixed_runner.ts";
import { portsOf } from "../_ports.ts";
import { residualPorts } from "./_residuals.ts";

const part = "the ControlNet";

/** What the control is made of. */
export interface AppleControlOptions {
  /** The compiled model. */
  readonly runner: Runner;
  /** Adds other controls' residuals. */
  readonly adder: ResidualAdder;
  /** Picture pixels per latent pixel. */
  readonly scale: number;
}

/** Puts a compiled ControlNet behind the contract. */
export function appleControl({ runner, adder, scale: downscale }: AppleControlOptions): Control {
  const inputs = { sample: 4, timestep: 1, encoder_hidden_states: 4, controlnet_cond: 4 };
  const ports = portsOf(runner, { part, inputs });
  const network = new FixedRunner(runner, { part, main: ports.sample, scale: downscale });
  const places = residualPorts(runner.outputs);
  return {
    places: places.map(({ place }) => place),
    // deno-lint-ignore require-await -- what does not fit rejects
    async prepare(given, conditioning, options) {
      const checked = checkOptions(options);
      const pixels = conditionPixels(given, { channels: 3, downscale });
      const rows = entry(conditioning, "encoder_hidden_states", part).shape[0]!;
      const fixed = {
        controlnet_cond: takeRows(pixels, 0, rows),
        encoder_hidden_states: channelsFirst(conditioning, ports.encoder_hidden_states, part),
      };
      const run = options?.signal === undefined ? {} : { signal: options.signal };
      const asTheyAre = checked.scale === 1 && !checked.guessMode && network.fits(rows);
      let kept: Residuals = {};
      return preparedControl({
        window: checked.window,
        adder,
        async compute(step) {
          checkLatent(step, pixels, downscale, rows);
          release(kept);
          kept = {};
          const outputs = await network.run({
            ...fixed,
            sample: step.latent,
            timestep: { data: new Float32Array(rows).fill(step.timestep), shape: [rows] },
          }, { ...run, keep: asTheyAre ? places.map(({ port }) => port.name) : [] }) as Residuals;
          const entries = places.map(({ place, port }, i) => {
            const own = outputs[port.name]!;
            return [
              place,
              asTheyAre ? own : scaled(own as Tensor, factors(checked, rows, i / (places.length - 1))),
            ];
          });
          const residuals: Residuals = Object.fromEntries(entries);
          if (asTheyAre) kept = residuals;
          return residuals;
        },
        dispose: () => release(kept),
      });
    },
    [Symbol.asyncDispose]: async () => await network[Symbol.asyncDispose](),
  };
}

/**
 * What each row is multiplied by, at a depth from 0 (first skip) to 1 (middle). Guess mode leaves unconditional rows
 * alone, and goes from a tenth to all, as `torch.logspace(-1, 0)` does.
 */
function factors(
  { scale, guessMode, unconditionalRows }: CheckedOptions,
  rows: number,
  depth: number,
): number[] {
  if (!guessMode) return new Array(rows).fill(scale);
  return Array.from({ length: rows }, (_, row) => row < unconditionalRows ? 0 : scale * 10 ** (depth - 1));
}

function scaled({ data, shape }: Tensor, factors: readonly number[]): Tensor {
  const row = data.length / factors.length;
  return { data: data.map((value, i) => value * factors[Math.floor(i / row)]!), shape };
}
