"""Makes tests/data/onnx_vega_tiny: the reference's vega-tiny in the layout and with the names of optimum's exporter.

    pip install torch==2.15.0 diffusers==0.42.1 transformers==5.24.0 safetensors==0.8.0 onnx==1.23.2
    python tests/make_onnx_xl_fixture.py
"""

import json
import shutil
from pathlib import Path

import make_onnx_fixture as base
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

SOURCE = Path(__file__).parent / "reference2/pipelines/vega-tiny"
TARGET = base.TARGET = Path(__file__).parent / "data/onnx_vega_tiny"


def load_text_encoder(role: str, kind: type) -> torch.nn.Module:
    config = CLIPTextConfig(**json.loads((SOURCE / role / "config.json").read_text()))
    config._attn_implementation = "eager"
    encoder = kind(config)
    stored = load_file(SOURCE / role / "model.safetensors")
    own = encoder.state_dict()
    encoder.load_state_dict({
        key: stored[key if key in stored else f"text_model.{key}"] for key in own
    })
    return encoder


def export_text(role: str, kind: type, vector: str, first: str) -> None:
    """`first` is the output that the network's own order begins with."""
    encoder = load_text_encoder(role, kind)
    encode = encoder.forward
    tokens = {0: "batch_size", 1: "sequence_length"}
    names = ["last_hidden_state", vector] if first == "last_hidden_state" else [vector, "last_hidden_state"]
    layers = [f"hidden_states.{i}" for i in range(encoder.config.num_hidden_layers + 1)]

    def forward(input_ids):
        out = encode(input_ids, output_hidden_states=True)
        return (*(out[name] for name in names), *out.hidden_states)

    base.export(
        role,
        encoder,
        forward,
        {"input_ids": (torch.arange(154).reshape(2, 77), tokens)},
        {name: {0: "batch_size"} if name == vector else tokens for name in [*names, *layers]},
    )


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    image = {0: "batch_size", 2: "height", 3: "width"}
    latent = {0: "batch_size", 2: "latent_height", 3: "latent_width"}
    export_text("text_encoder", CLIPTextModel, "pooler_output", "last_hidden_state")
    export_text("text_encoder_2", CLIPTextModelWithProjection, "text_embeds", "text_embeds")
    unet = UNet2DConditionModel.from_pretrained(SOURCE / "unet")
    unet.set_default_attn_processor()
    predict = unet.forward
    width = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim

    def forward(sample, timestep, states, text_embeds, time_ids):
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        return predict(sample, timestep, states, added_cond_kwargs=added, return_dict=False)[0]

    base.export(
        "unet",
        unet,
        forward,
        {
            "sample": (torch.randn(2, 4, 16, 16), image),
            "timestep": (torch.tensor(981), {}),
            "encoder_hidden_states": (
                torch.randn(2, 77, unet.config.cross_attention_dim),
                {0: "batch_size", 1: "sequence_length"},
            ),
            "text_embeds": (torch.randn(2, width), {0: "batch_size"}),
            "time_ids": (torch.full((2, 6), 64.0), {0: "batch_size"}),
        },
        {"out_sample": image},
    )
    vae = AutoencoderKL.from_pretrained(SOURCE / "vae")
    vae.set_default_attn_processor()
    base.export(
        "vae_encoder",
        vae,
        lambda sample: vae.encode(sample).latent_dist.parameters,
        {"sample": (torch.randn(1, 3, 64, 64), image)},
        {"latent_parameters": latent},
    )
    base.export(
        "vae_decoder",
        vae,
        lambda latent_sample: vae.decode(latent_sample).sample,
        {"latent_sample": (torch.randn(1, 4, 8, 8), latent)},
        {"sample": image},
    )
    parts = {
        "text_encoder": "text_encoder",
        "text_encoder_2": "text_encoder_2",
        "unet": "unet",
        "vae_encoder": "vae",
        "vae_decoder": "vae",
    }
    for part, config in parts.items():
        shutil.copy(SOURCE / config / "config.json", TARGET / part / "config.json")
    for folder in ["tokenizer", "tokenizer_2", "scheduler"]:
        shutil.copytree(SOURCE / folder, TARGET / folder)
    index = json.loads((SOURCE / "model_index.json").read_text())
    index |= {part: ["optimum", "ORTModel"] for part in parts}
    del index["vae"]
    (TARGET / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
