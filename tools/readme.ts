/** Writes the README's table of samplers from the registry: `deno task readme`. */
import { readFileSync, writeFileSync } from "node:fs";
import { type SamplerEntry, SAMPLERS } from "../samplers/registry.ts";

const path = new URL("../README.md", import.meta.url);

/** The README with its table as the registry has it. */
export function withSamplerTable(readme: string): string {
  const rows = SAMPLERS.map(({ name, aliases, paper, evaluations, weights, steps }) =>
    `| \`${name}\` | ${aliases.slice(0, 2).join(", ")} | ${paper} | ${
      cost(evaluations)
    } | ${weights} | ${steps} |`
  );
  const table = [
    "| name | also known as | source | evaluations of n steps | weights | steps |",
    "|---|---|---|---|---|---|",
    ...rows,
  ];
  return readme.replace(
    /(<!-- samplers -->\n)[^]*?(\n<!-- \/samplers -->)/,
    (_, start, end) => start + table.join("\n") + end,
  );
}

function cost({ perStep, extra }: SamplerEntry["evaluations"]): string {
  const steps = perStep === 1 ? "n" : `${perStep}n`;
  return extra === 0 ? steps : `${steps} ${extra > 0 ? "+" : "−"} ${Math.abs(extra)}`;
}

if (import.meta.main) writeFileSync(path, withSamplerTable(readFileSync(path, "utf8")));
