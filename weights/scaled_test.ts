import assert from "node:assert/strict";
import { lowbitCases, lowbitPath } from "../tests/_lowbit.ts";
import { counting } from "../tests/weights_fixtures.ts";
import { type MemoryTensor, memoryWeights } from "./memory.ts";
import { readFloat32 } from "./read_float.ts";
import { openSafetensors } from "./safetensors.ts";
import { encodeSafetensors } from "./write_safetensors.ts";

const cases = await lowbitCases<readonly { file: string; load: string; says?: string; expected?: string }[]>(
  "fp8",
);

for (const { file, load, expected } of cases.filter(({ load }) => load !== "refuse")) {
  Deno.test(`${file}: values bit for bit (${load}), also when written again`, async () => {
    await using first = await openSafetensors(lowbitPath(file));
    await using wanted = await openSafetensors(lowbitPath(expected!));
    await using again = await openSafetensors(await encodeSafetensors(first));
    for (const actual of [first, again]) {
      assert.deepEqual(new Set(actual.names()), new Set(wanted.names()));
      for (const name of wanted.names()) {
        assert.deepEqual(actual.info(name)!.shape, wanted.info(name)!.shape, name);
        const [left, right] = [await readFloat32(actual, name), await readFloat32(wanted, name)];
        left.forEach((value, i) =>
          assert.ok(Object.is(value, right[i]), `${name}: ${value}, expected ${right[i]}`)
        );
      }
    }
  });
}

/** What each message names. */
const named: Readonly<Record<string, RegExp>> = {
  unknown_comfy_quant: /"m\.a" has the format "made_up_w3a9"/,
  unknown_header_format: /has the format "made_up_w3a9"/,
  convrot: /convrot/,
  nvfp4: /nvfp4/,
  weight_scale_2: /"m\.a\.weight_scale_2"/,
  weight_scale_inv: /"m\.a\.weight_scale_inv"/,
  s_rel: /asym_w4a8_int8/,
  scale_of_wrong_shape: /has 25 scales, \[25,1\] in "m\.a\.weight_scale", expected 24/,
  comfy_quant_broken_json: /comfy_quant of "m\.a" is not JSON/,
  scale_missing: /"m\.a" says that it is float8_e4m3fn, and has no "m\.a\.weight_scale"/,
};

for (const { file, says } of cases.filter(({ load }) => load === "refuse")) {
  Deno.test(`${file} is refused: ${says}`, async () => {
    const message = named[file.match(/refuse_(\w+)/)![1]!];
    assert.ok(message, file);
    await assert.rejects(openSafetensors(lowbitPath(file)), { name: "WeightsError", message });
  });
}

Deno.test("what stands beside codes and is not known is refused by name; beside values it is a tensor", async () => {
  const codes = { dtype: "F8_E4M3", shape: [2, 2], data: new Uint8Array(4) } as const;
  const open = async (weight: MemoryTensor, sibling: string) =>
    await openSafetensors(
      await encodeSafetensors(memoryWeights({ "a.weight": weight, [sibling]: counting(2) })),
    );
  for (
    const sibling of ["a.weight_zero_point", "a.scale_weight_2", "a.scales", "a.weight.absmax", "a.qzeros"]
  ) {
    await assert.rejects(open(codes, sibling), {
      name: "WeightsError",
      message: new RegExp(`"${sibling}" stands beside "a\\.weight" in F8_E4M3`),
    });
    await using plain = await open(counting(2, 2), sibling);
    assert.deepEqual(new Set(plain.names()), new Set(["a.weight", sibling]));
  }
  await using biased = await open(codes, "a.bias");
  assert.deepEqual(new Set(biased.names()), new Set(["a.weight", "a.bias"]));
});
