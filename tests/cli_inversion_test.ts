/** New words on the command line: used, kept in the picture's record, and made again from it. */
import assert from "node:assert/strict";
import { encodeSafetensors, memoryWeights, openSafetensors } from "../weights/mod.ts";
import { inFolder, model, output, small } from "./_cli.ts";

const root = new URL("./", import.meta.url).pathname;
/** A picture chooses no model. */
const named = ["--model", model];
const embedding = `${root}data/inversion/style.safetensors`;

Deno.test("--inversion: an embedding under a name, a LoRA's bundled words, and --from", () =>
  inFolder(async (folder) => {
    const generate = async (prompt: readonly string[], out: string, ...args: readonly string[]) => {
      const made = await output(
        "generate",
        ...prompt,
        ...args,
        "--seed",
        "3",
        "--json",
        "--out",
        `${folder}/${out}`,
      );
      assert.equal(made.code, 0, made.err);
      return { sha256: JSON.parse(made.out).images[0].sha256 as string, err: made.err };
    };
    const prompt = ["a red <style> house"];
    const plain = await generate(prompt, "plain.png", ...small);
    const word = await generate(prompt, "word.png", ...small, "--inversion", `${embedding}=<style>`);
    assert.notEqual(word.sha256, plain.sha256);

    await using file = await openSafetensors(embedding);
    const [name] = [...file.names()];
    const vectors = { ...file.info(name!)!, data: await file.read(name!) };
    const layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    const bundle = await encodeSafetensors(memoryWeights({ "bundle_emb.<style>.emb_params": vectors }));
    await Deno.writeFile(`${folder}/bundle.safetensors`, bundle);
    const bundled = await generate(
      prompt,
      "bundled.png",
      ...small,
      "--inversion",
      `${folder}/bundle.safetensors`,
    );
    assert.equal(bundled.sha256, word.sha256);
    const other = await output(
      "generate",
      ...prompt,
      ...small,
      "--inversion",
      `${folder}/bundle.safetensors=<x>`,
    );
    assert.match(other.err, /Cannot read --inversion .*: the file bundles "<style>", expected one of them/);

    for (const picture of ["word.png", "bundled.png"]) {
      const again = await generate([], "again.png", "--from", `${folder}/${picture}`, ...named);
      assert.equal(again.sha256, word.sha256, picture);
      assert.doesNotMatch(again.err, /--from/);
    }
    await Deno.writeFile(
      `${folder}/bundle.safetensors`,
      await encodeSafetensors(memoryWeights({
        "bundle_emb.<style>.emb_params": {
          ...vectors,
          data: vectors.data.map((byte, i) => i % 4 === 0 ? 0 : byte),
        },
      })),
    );
    const changed = await generate([], "again.png", "--from", `${folder}/bundled.png`, ...named);
    assert.match(changed.err, /its Inversions was .* another file stands in its place \(see --inversion\)/);

    const factor = { dtype: "F32", data: new Float32Array(4 * 32) } as const;
    const mixed = await encodeSafetensors(memoryWeights({
      "bundle_emb.<style>.emb_params": vectors,
      [`${layer}.lora_A.weight`]: { ...factor, shape: [4, 32] },
      [`${layer}.lora_B.weight`]: { ...factor, shape: [32, 4] },
    }));
    await Deno.writeFile(`${folder}/mixed.safetensors`, mixed);
    const lora = await output(
      "generate",
      ...prompt,
      ...small,
      "--lora",
      `${folder}/mixed.safetensors`,
      "--out",
      `${folder}/x.png`,
    );
    assert.match(
      lora.err,
      /bundle_emb are words for prompts: give the file as --inversion too|changes a weight of/,
    );
  }));
