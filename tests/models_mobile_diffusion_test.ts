/** The published configurations: their sizes against the paper's, and that the two MobileDiffusions are runnable graphs. */
import assert from "node:assert/strict";
import { graphCost } from "../graph/cost.ts";
import { evaluate } from "../graph/dimension.ts";
import type { Graph } from "../graph/graph.ts";
import { costTable } from "../models/cost_table.ts";
import { MOBILE_DIFFUSION, MOBILE_DIFFUSION_LITE, STABLE_DIFFUSION_15 } from "../models/mobile_diffusion.ts";
import { unet } from "../models/unet.ts";
import { readUnetConfig } from "../models/unet_config.ts";

const sizes = { rows: 1, height: 64, width: 64, tokens: 77 };

/** How many modules of the graph have a path that ends so. */
function count({ nodes }: Graph, ending: RegExp): number {
  return new Set(nodes.flatMap(({ layer }) => layer.match(ending)?.[0] ?? [])).size;
}

// Parameters in millions and multiply-adds in 10⁹: the paper's are met within 2 %.
const published = [
  ["MobileDiffusion", MOBILE_DIFFUSION, { parameters: 386, multiplyAdds: 182 }, [12, 15, 20]],
  ["MobileDiffusion-Lite", MOBILE_DIFFUSION_LITE, { parameters: 278, multiplyAdds: 153 }, [11, 12, 17]],
  ["Stable Diffusion 1.5", STABLE_DIFFUSION_15, { parameters: 859.5, multiplyAdds: 401.6 }, [22, 16, 16]],
] as const;

for (const [name, json, expected, blocks] of published) {
  Deno.test(`${name} has ${expected.parameters} M parameters and ${expected.multiplyAdds} G multiply-adds`, () => {
    const graph = unet(readUnetConfig(json));
    const { parameters, multiplyAdds, attentionMultiplyAdds } = graphCost(graph, sizes).get("")!;
    assert.ok(Math.abs(parameters / 1e6 / expected.parameters - 1) < 0.02, `${parameters}`);
    assert.ok(
      Math.abs((multiplyAdds + attentionMultiplyAdds) / 1e9 / expected.multiplyAdds - 1) < 0.02,
      `${multiplyAdds}`,
    );
    const counted = [/.*resnets\.\d+/, /.*\.attn1/, /.*\.attn2/].map((ending) => count(graph, ending));
    assert.deepEqual(counted, blocks);
    const [out] = graph.outputs;
    assert.deepEqual(out!.shape.map((size) => evaluate(size, sizes)), [
      1,
      readUnetConfig(json).outChannels,
      64,
      64,
    ]);
  });
}

Deno.test("costTable lists the blocks and their sum", () => {
  const lines = costTable(unet(readUnetConfig(MOBILE_DIFFUSION)), sizes, 1).split("\n");
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), [
    "block",
    "time_embedding",
    "conv_in",
    "down_blocks",
    "mid_block",
    "up_blocks",
    "conv_norm_out",
    "conv_out",
    "all",
  ]);
  assert.match(lines.at(-1)!, /386\.89 M +182\.80 G +3\.06 G$/);
  assert.equal(new Set(lines.map(({ length }) => length)).size, 1);
});
