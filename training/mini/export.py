"""Writes parts of the model in diffusers' folder layout."""

import json
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file
from torch import Tensor

SCHEDULER = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False,
    "set_alpha_to_one": True, "steps_offset": 0, "prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True,
}
INDEX = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "feature_extractor": [None, None], "image_encoder": [None, None],
    "requires_safety_checker": False, "safety_checker": [None, None], "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
}


def write_json(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_part(folder: Path, config: dict, weights: dict[str, Tensor], name: str = "diffusion_pytorch_model.safetensors") -> None:
    """A part's config and its weights in half precision."""
    write_json(folder / "config.json", config)
    save_half(folder / name, weights)


def save_half(path: Path, weights: dict[str, Tensor]) -> None:
    save_file({k: v.detach().cpu().to(torch.float16).contiguous() for k, v in weights.items()}, path, {"format": "pt"})


def write_frame(folder: Path) -> None:
    """model_index.json and the scheduler."""
    write_json(folder / "model_index.json", INDEX)
    config = dict(DDIMScheduler(**SCHEDULER).config) | {"_class_name": "DDIMScheduler", "_diffusers_version": "0.42.1"}
    config["_use_default_values"] = sorted(config["_use_default_values"])  # a set, in any order
    write_json(folder / "scheduler/scheduler_config.json", config)


def text_config(encoder, tokens: int) -> dict:
    """The encoder's config.json, with the true start and end ids."""
    config = encoder.config.to_dict()
    keys = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings",
            "hidden_act", "layer_norm_eps", "projection_dim", "bos_token_id", "eos_token_id", "pad_token_id")
    assert config["vocab_size"] == tokens
    return {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", **{k: config[k] for k in keys}}


def vae_config(vae, scaling_factor: float) -> dict:
    keys = ("act_fn", "block_out_channels", "down_block_types", "up_block_types", "in_channels", "out_channels", "latent_channels",
            "layers_per_block", "mid_block_add_attention", "norm_num_groups", "sample_size", "use_quant_conv", "use_post_quant_conv")
    return {"_class_name": "AutoencoderKL", **{k: vae.config[k] for k in keys}, "scaling_factor": scaling_factor, "force_upcast": False}
