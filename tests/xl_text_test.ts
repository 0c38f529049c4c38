/** What Stable Diffusion XL's two text encoders say: words of a user's own, weights of words, long prompts. */
import assert from "node:assert/strict";
import { native } from "../backends/native.ts";
import type { Conditioning, EncodeRequest, TextEncoder } from "../core/parts.ts";
import { sliceRows, type Tensor } from "../core/tensor.ts";
import { weigh } from "../parts/text_encoder.ts";
import { readTextualInversion, type TextualInversion } from "../parts/textual_inversion.ts";
import { openModelFolder } from "../presets/open_model.ts";
import { localFolder } from "../weights/model_folder.ts";
import { readFixture, readJson } from "./_fixtures.ts";
import { assertClose, testPath } from "./_networks.ts";

const folder = await localFolder(testPath("./reference2/pipelines/sdxl-tiny"));
/** Widths of the two encoders' states. */
const [first, second] = [8, 12];

async function withEncoder(
  test: (
    encode: (prompt: string, options?: Partial<EncodeRequest>) => Promise<Conditioning>,
  ) => Promise<void>,
  inversions: readonly TextualInversion[] = [],
): Promise<void> {
  const { textEncoder } = await openModelFolder(folder, { backend: native(), inversions });
  await using part = textEncoder;
  const encoder: TextEncoder = await part.get();
  await test(async (prompt, options = {}) => {
    const request = { prompts: [prompt], passes: ["conditional"], width: 64, height: 64, ...options };
    return (await encoder.encode(request)).passes[0]!.conditioning;
  });
}

/** Some of the last axis. */
function columns({ data, shape: [rows, tokens, width] }: Tensor, from: number, count: number): Tensor {
  const taken = Float32Array.from(
    { length: rows! * tokens! * count },
    (_, i) => data[Math.floor(i / count) * width! + from + i % count]!,
  );
  return { data: taken, shape: [rows!, tokens!, count] };
}

/** The text as one vector: what the UNet is told begins with it. */
function pooledOf({ added_features }: Conditioning): Tensor {
  return { data: added_features!.data.slice(0, second), shape: [1, second] };
}

Deno.test("an embedding with clip_l and clip_g is a word for both text encoders", async () => {
  const { cases, token } = await readJson<{ token: string; cases: { index: number; prompt: string }[] }>(
    "../reference2/textual_inversion/cases.json",
  );
  const expected = await readFixture("../reference2/textual_inversion/expected.safetensors");
  const path = testPath("./reference2/textual_inversion/thing.safetensors");
  const thing = await readTextualInversion(path, { token });
  await withEncoder(async (encode) => {
    for (const { index, prompt } of cases) {
      const conditioning = await encode(prompt);
      assertClose(conditioning.encoder_hidden_states, expected.float32(`case${index}.prompt_embeds`));
      // at the end of the text, as it was trained; a library that knows no end takes the word's last vector
      assertClose(pooledOf(conditioning), expected.float32(`case${index}.pooled_at_eos`));
    }
  }, [thing]);
  const { vectors2: _, ...half } = thing;
  await assert.rejects(
    openModelFolder(folder, { backend: native(), inversions: [half] }),
    /WeightsError.*"<thing>".*one text encoder.*"clip_l" and "clip_g"/,
  );
});

Deno.test("weights of words scale the states of both text encoders, each brought back to its own mean", async () => {
  await withEncoder(async (encode) => {
    const plain = await encode("a red house");
    assert.deepEqual(await encode("a (red:1) house", { syntax: "weighted" }), plain);
    const weighted = await encode("a (red:1.5) house", { syntax: "weighted" });
    const all = await encode("(a red house:1.5)", { syntax: "weighted" });
    assert.notDeepEqual(weighted, all);
    const given = plain.encoder_hidden_states!;
    const states = weighted.encoder_hidden_states!;
    const changed = Array.from({ length: 77 }, (_, i) => i).filter((i) => {
      const own = columns(states, 0, first).data[i * first]! / columns(given, 0, first).data[i * first]!;
      const other = columns(states, 0, first).data[0]! / columns(given, 0, first).data[0]!;
      return Math.abs(own / other - 1.5) < 1e-4;
    });
    assert.ok(changed.length > 0);
    const rows = [{ ids: [], weights: Array.from({ length: 77 }, (_, i) => changed.includes(i) ? 1.5 : 1) }];
    for (const [from, count] of [[0, first], [first, second]] as const) {
      assertClose(columns(states, from, count), weigh(columns(given, from, count), rows), 1e-5);
    }
    assert.deepEqual(pooledOf(weighted), pooledOf(plain)); // weights are of states alone
  });
});

Deno.test("a long prompt is several chunks for both text encoders; its vector is the first one's", async () => {
  await withEncoder(async (encode) => {
    const [one, two] = ["a red house", "a yellow moon"];
    const long = await encode(`${one} BREAK ${two}`, { syntax: "weighted" });
    assert.deepEqual(long.encoder_hidden_states!.shape, [1, 154, first + second]);
    const [a, b] = [await encode(one), await encode(two)];
    const { data } = long.encoder_hidden_states!;
    const half = data.length / 2;
    assertClose({ data: data.slice(0, half), shape: [1, 77, 20] }, a.encoder_hidden_states!, 1e-5);
    assertClose({ data: data.slice(half), shape: [1, 77, 20] }, b.encoder_hidden_states!, 1e-5);
    assertClose(pooledOf(long), pooledOf(a), 1e-5);
  });
});

Deno.test("all passes of a weighted prompt are equally long, zeros too, and prompts joined by AND have their own vectors", async () => {
  const { textEncoder } = await openModelFolder(folder, { backend: native() });
  await using part = textEncoder;
  const encoder = await part.get();
  const request: EncodeRequest = {
    prompts: ["a house BREAK a moon AND a lake"],
    passes: ["unconditional", "conditional"],
    width: 64,
    height: 64,
    syntax: "weighted",
  };
  const { passes, sums } = await encoder.encode(request);
  assert.deepEqual(passes.map(({ name }) => name), ["unconditional", "conditional", "conditional 2"]);
  const shapes = passes.map(({ conditioning }) => Object.values(conditioning).map(({ shape }) => shape));
  assert.deepEqual(shapes, Array(3).fill([[1, 154, 20], [1, 60]]));
  assert.equal(sums?.[0]?.terms.length, 2);
  const [zero, ...told] = passes.map(({ conditioning }) => conditioning);
  assert.ok(zero!.encoder_hidden_states!.data.every((value) => value === 0));
  assert.ok(pooledOf(zero!).data.every((value) => value === 0));
  assert.notDeepEqual(pooledOf(told[0]!), pooledOf(told[1]!));
  const named = await encoder.encode({ ...request, negativePrompts: [""] });
  assert.ok(named.passes[0]!.conditioning.encoder_hidden_states!.data.some((value) => value !== 0));
  assert.deepEqual(sliceRows(zero!.added_features!, 0, 1).shape, [1, 60]);
});
