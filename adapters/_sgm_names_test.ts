import assert from "node:assert/strict";
import { publishedTensors } from "../tests/_published.ts";
import { sgmNames } from "./_sgm_names.ts";

for (const network of ["sdxl_unet", "ssd1b_unet", "vega_unet"]) {
  Deno.test(`every layer of ${network} has an original name, and no two have the same`, async () => {
    const tensors = await publishedTensors(network);
    const modules = new Set([...tensors.names()].map((name) => name.replace(/\.(weight|bias)$/, "")));
    const names = sgmNames(modules);
    assert.deepEqual([...names.keys()].toSorted(), [...modules].toSorted());
    assert.equal(new Set(names.values()).size, modules.size);
    assert.equal(names.get("add_embedding.linear_2"), "label_emb.0.2");
  });
}
