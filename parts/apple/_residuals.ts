/**
 * The places of a ControlNet's residuals: `additional_residual_0`, `…_1` and so on are the skip connections in the
 * order of the encoder, and the last is the middle block.
 */
import type { Port } from "../../backends/backend.ts";
import type { Residuals } from "../../core/parts.ts";
import type { Tensor } from "../../core/tensor.ts";
import { ResidualAdder } from "../_residuals.ts";
import { takeRows, toHost } from "../_fixed_runner.ts";

/** A residual's place in the UNet, as {@linkcode Residuals} calls it, with its port. */
export interface ResidualPort {
  readonly place: string;
  readonly port: Port;
}

/** Whether a port is a residual's. */
export function isResidual(name: string): boolean {
  return /^additional_residual_\d+$/.test(name);
}

/** The residuals among ports, in order. */
export function residualPorts(ports: readonly Port[]): ResidualPort[] {
  const index = ({ name }: Port) => Number(name.slice(name.lastIndexOf("_") + 1));
  const found = ports.filter(({ name }) => isResidual(name)).sort((a, b) => index(a) - index(b));
  return found.map((port, i) => ({ port, place: i === found.length - 1 ? "mid" : `skip.${i}` }));
}

/** Adds residuals on the host: Core ML runs compiled models only, and none of them is a sum. */
export class HostResidualAdder extends ResidualAdder {
  override async add(a: Residuals, b: Residuals): Promise<Residuals> {
    const sums: Record<string, Tensor> = {};
    for (const place of Object.keys(a).filter((place) => b[place] !== undefined)) {
      const rows = Math.max(a[place]!.shape[0]!, b[place]!.shape[0]!);
      const [one, other] = [
        takeRows(await toHost(a[place]!), 0, rows),
        takeRows(await toHost(b[place]!), 0, rows),
      ];
      sums[place] = { data: one.data.map((value, i) => value + other.data[i]!), shape: one.shape };
    }
    return sums;
  }
}
