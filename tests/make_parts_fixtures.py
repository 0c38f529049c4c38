"""Makes tests/data/{unet_odd,vae_tiles,inversion}: what the public reference set does not cover.

    pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0
    python tests/make_parts_fixtures.py

Networks are tiny and random; the arithmetic is what counts.
"""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

REFERENCE = Path(__file__).parent / "reference"
DATA = Path(__file__).parent / "data"

# Fields that published models of the family hardly use, all at once.
UNET_ODD = dict(
    sample_size=[8, 12],
    center_input_sample=True,
    flip_sin_to_cos=False,
    freq_shift=1,
    down_block_types=["CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"],
    mid_block_type="UNetMidBlock2D",
    up_block_types=["CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"],
    only_cross_attention=[False, False, False],
    block_out_channels=[8, 12, 16],
    layers_per_block=[1, 2, 1],
    act_fn="gelu",
    norm_num_groups=4,
    norm_eps=1e-4,
    cross_attention_dim=[12, 12, 12],
    transformer_layers_per_block=[[2], [1, 1], [1]],
    reverse_transformer_layers_per_block=[[1, 2], [1, 1, 1], [2, 1]],
    attention_head_dim=[2, 3, 4],
    use_linear_projection=True,
    time_embedding_dim=20,
    conv_in_kernel=1,
    conv_out_kernel=5,
)


def generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def spread(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Weights and outputs of about 1, also where initialisation gives zeros or ones."""
    g = generator(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            fan_in = weight[0].numel() if weight.ndim > 1 else 1
            noise = torch.randn(weight.shape, generator=g)
            weight.copy_(1 + 0.1 * noise if "norm" in name and name.endswith("weight") else noise * 0.7 / fan_in**0.5)
    return module.eval()


@torch.no_grad()
def unet_odd() -> None:
    folder = DATA / "unet_odd"
    unet = spread(UNet2DConditionModel(**UNET_ODD), 1)
    unet.save_pretrained(folder)
    sample = torch.rand(2, 4, 8, 12, generator=generator(2))
    states = torch.randn(2, 9, 12, generator=generator(3))
    out = unet(sample, 731, encoder_hidden_states=states).sample
    save_file({"sample": sample, "encoder_hidden_states": states, "out": out}, folder / "io.safetensors")


@torch.no_grad()
def vae_tiles() -> None:
    """Latents of 22 × 13 pixels in tiles of 8, which leaves pieces of every size at the edges."""
    folder = DATA / "vae_tiles"
    folder.mkdir(exist_ok=True)
    vae = AutoencoderKL.from_pretrained(REFERENCE / "pipelines/sd15-tiny/vae")
    vae.enable_tiling()
    vae.tile_latent_min_size, vae.tile_sample_min_size = 8, 64
    latents = torch.randn(1, 4, 22, 13, generator=generator(4))
    image = torch.rand(1, 3, 22 * 8, 13 * 8, generator=generator(5)) * 2 - 1
    tensors = {
        "latents": latents,
        "decoded": vae.decode(latents).sample,
        "image": image,
        "mean": vae.encode(image).latent_dist.mode().contiguous(),
    }
    save_file(tensors, folder / "io.safetensors")


@torch.no_grad()
def inversion() -> None:
    """Two new words, of one and of three vectors, in sd15-tiny's text encoder."""
    folder = DATA / "inversion"
    folder.mkdir(exist_ok=True)
    pipeline = REFERENCE / "pipelines/sd15-tiny"
    tokenizer = CLIPTokenizer.from_pretrained(pipeline / "tokenizer")
    config = CLIPTextConfig(**json.loads((pipeline / "text_encoder/config.json").read_text()))
    encoder = CLIPTextModel(config)
    stored = load_file(pipeline / "text_encoder/model.safetensors")
    renamed = {key.removeprefix("text_model."): value for key, value in stored.items() if "position_ids" not in key}
    own = set(encoder.state_dict())
    encoder.load_state_dict(renamed if own == set(renamed) else {f"text_model.{k}": v for k, v in renamed.items()})
    encoder.eval()
    words = ["<cat-toy>", "<style>", "<style>_1", "<style>_2"]
    tokenizer.add_tokens(words)
    encoder.resize_token_embeddings(len(tokenizer))
    vectors = torch.randn(4, config.hidden_size, generator=generator(6)) * 0.05
    table = encoder.get_input_embeddings().weight
    for word, vector in zip(words, vectors):
        table[tokenizer.convert_tokens_to_ids(word)] = vector
    save_file({"<cat-toy>": vectors[0].contiguous()}, folder / "learned_embeds.safetensors")
    save_file({"emb_params": vectors[1:].contiguous()}, folder / "style.safetensors")
    ids = tokenizer(
        "a <cat-toy> on a table, <style> <style>_1 <style>_2",
        padding="max_length",
        max_length=77,
        return_tensors="pt",
    ).input_ids
    save_file({"input_ids": ids, "hidden": encoder(ids).last_hidden_state}, folder / "io.safetensors")


if __name__ == "__main__":
    unet_odd()
    vae_tiles()
    inversion()
