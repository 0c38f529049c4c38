/** Spellings of two text encoders, which have the same modules. */
import assert from "node:assert/strict";
import { spellings } from "./_lora_names.ts";

const module = "text_model.encoder.layers.3.mlp.fc1";
const text = new Map([[module, [32, 8]]]);
const pair = spellings({ textEncoder: text, textEncoder2: text });

Deno.test("each of two text encoders has prefixes of its own, in every tool's spelling", () => {
  const spelled = {
    textEncoder: [
      "lora_te1_text_model_encoder_layers_3_mlp_fc1",
      "text_encoder.text_model.encoder.layers.3.mlp.fc1",
      "text_encoders.clip_l.transformer.text_model.encoder.layers.3.mlp.fc1",
      "clip_l.text_model.encoder.layers.3.mlp.fc1",
      "0_transformer_text_model_encoder_layers_3_mlp_fc1",
    ],
    textEncoder2: [
      "lora_te2_text_model_encoder_layers_3_mlp_fc1",
      "text_encoder_2.text_model.encoder.layers.3.mlp.fc1",
      "text_encoder_2.encoder.layers.3.mlp.fc1", // as newer versions of its library leave its own name out
      "base_model.model.text_encoder_2.text_model.encoder.layers.3.mlp.fc1",
      "text_encoders.clip_g.transformer.text_model.encoder.layers.3.mlp.fc1",
      "clip_g.text_model.encoder.layers.3.mlp.fc1",
      "1_model_transformer_resblocks_3_mlp_c_fc",
    ],
  } as const;
  for (const [target, stems] of Object.entries(spelled)) {
    for (const stem of stems) assert.deepEqual(pair.get(stem), { target, module }, stem);
  }
});

Deno.test("a name without a prefix is the text encoder's where there is one, and nobody's where there are two", () => {
  assert.equal(spellings({ textEncoder: text }).get(module)?.target, "textEncoder");
  assert.equal(pair.get(module), undefined);
  assert.equal(pair.get(`base_model.model.${module}`), undefined);
});
