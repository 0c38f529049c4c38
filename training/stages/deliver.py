"""Writes the model folder from the averaged weights in half precision: python -m stages.deliver [--folder F]

unet/ is the ReLU base if there is one (the softmax base then goes to softmax/ beside the folder), else the softmax base; the others, and
the adapters lora_candy/ and control_edges/, appear when their stages have run.
"""

import argparse
import shutil
from pathlib import Path

import torch

from mini import export, text_encoder
from mini.control_plugin import EDGES, ControlPlugin
from mini.generate import available, network
from mini.lora import add_lora
from mini.lora import state_dict as lora_state
from mini.model import Frozen
from mini.render import render
from mini.run import DEVICE, HOME, load_ema
from mini.unet import UNet
from mini.world import sample_scene
from stages.adapters import RANK
from stages.base import RELU
from stages.latents import encode, scaling_factor
from stages.text import tokens

SOFTMAX = "../softmax/unet"  # for the ablation alone
FOLDERS = {"base": "unet", "relu": "unet", "progressive": "unet_progressive_distillation", "ufogen": "unet_ufogen"}


@torch.no_grad()
def latent_rgb_factors(vae: torch.nn.Module, factor: float) -> list[list[float]]:
    """For previews: what each channel, and last a constant, adds to red, green and blue in −1 … 1; least squares over 256 scenes."""
    pictures = render([sample_scene(55_000_000 + i) for i in range(256)], DEVICE)
    latents = torch.cat([encode(vae, part) for part in pictures.split(64)]) * factor
    latents = torch.nn.functional.pad(latents.movedim(1, -1).flatten(0, -2), (0, 1), value=1.0)
    colours = torch.nn.functional.avg_pool2d(pictures * 2 - 1, 8).movedim(1, -1).flatten(0, -2)
    return [[round(float(v), 4) for v in row] for row in torch.linalg.lstsq(latents, colours).solution]


def write_adapters(folder: Path) -> None:
    """The averaged weights of what `stages.adapters` has trained."""
    if (HOME / "lora/state.pt").exists():
        lora = load_ema("lora", "adapter", add_lora(UNet(RELU), RANK))
        export.write_json(folder / "lora_candy/adapter_config.json", {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK})
        export.save_half(folder / "lora_candy/pytorch_lora_weights.safetensors", lora_state(lora))
    if (HOME / "edges/state.pt").exists():
        export.write_part(folder / "control_edges", EDGES, load_ema("edges", "adapter", ControlPlugin(EDGES)).state_dict())


def main(folder: Path) -> None:
    frozen = Frozen(tokens(), scaling_factor(None))
    export.write_frame(folder)
    shutil.copytree(HOME / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    config = export.text_config(frozen.text, frozen.words.get_vocab_size())
    export.write_part(folder / "text_encoder", config, text_encoder.state_dict(frozen.text), "model.safetensors")
    vae_config = export.vae_config(frozen.vae, frozen.factor) | {"latent_rgb_factors": latent_rgb_factors(frozen.vae, frozen.factor)}
    export.write_part(folder / "vae", vae_config, frozen.vae.state_dict())
    for name in set(FOLDERS.values()):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in available():
        net = network(name)
        config = {k: v for k, v in net.config.items() if v is not None or k == "time_cond_proj_dim"}
        softmax_too = name == "base" and (HOME / "relu/state.pt").exists()
        export.write_part(folder / (SOFTMAX if softmax_too else FOLDERS[name]), config, net.state_dict())
        print(name)
    write_adapters(folder)
    print(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, "MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=HOME / "mini")
    main(**vars(parser.parse_args()))
