import assert from "node:assert/strict";
import { ssd1b, vega, xl } from "../tests/_xl_configs.ts";
import { configReport } from "./_config_report.ts";

Deno.test("a network is counted by its configuration where its weights are not there", () => {
  const millions = [xl, ssd1b, vega].map((config) => {
    const { parameters, tensors, bytes } = configReport("unet", "UNet2DConditionModel", config)!;
    assert.equal(bytes, 0);
    return [(parameters / 1e6).toFixed(2), tensors];
  });
  assert.deepEqual(millions, [["2567.46", 1680], ["1331.33", 944], ["745.23", 564]]);
  assert.equal(configReport("unet", "constructor", {}), undefined);
});
