"""Writes the model folder from the averaged weights in half precision: python -m stages.deliver [--folder F]

unet/ is the ReLU base if there is one, else the softmax base; the others, and the adapters lora_frame/ and control_edges/, appear when
their stages have run.
"""

import argparse
import shutil
from pathlib import Path

from mini import export, text_encoder
from mini.control_plugin import EDGES, ControlPlugin
from mini.generate import available, network
from mini.lora import add_lora
from mini.lora import state_dict as lora_state
from mini.model import Frozen
from mini.run import HOME, load_ema
from mini.unet import UNet
from stages.adapters import RANK
from stages.base import RELU
from stages.latents import scaling_factor
from stages.text import tokens

FOLDERS = {"base": "unet", "relu": "unet", "progressive": "unet_progressive_distillation", "ufogen": "unet_ufogen"}


def write_adapters(folder: Path) -> None:
    """The averaged weights of what `stages.adapters` has trained."""
    if (HOME / "lora/state.pt").exists():
        lora = load_ema("lora", "adapter", add_lora(UNet(RELU), RANK))
        export.write_json(folder / "lora_frame/adapter_config.json", {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK})
        export.save_half(folder / "lora_frame/pytorch_lora_weights.safetensors", lora_state(lora))
    if (HOME / "edges/state.pt").exists():
        export.write_part(folder / "control_edges", EDGES, load_ema("edges", "adapter", ControlPlugin(EDGES)).state_dict())


def main(folder: Path) -> None:
    frozen = Frozen(tokens(), scaling_factor(None))
    export.write_frame(folder)
    shutil.copytree(HOME / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    config = export.text_config(frozen.text, frozen.words.get_vocab_size())
    export.write_part(folder / "text_encoder", config, text_encoder.state_dict(frozen.text), "model.safetensors")
    export.write_part(folder / "vae", export.vae_config(frozen.vae, frozen.factor), frozen.vae.state_dict())
    for name in set(FOLDERS.values()):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in available():
        net = network(name)
        config = {k: v for k, v in net.config.items() if v is not None or k == "time_cond_proj_dim"}
        export.write_part(folder / FOLDERS[name], config, net.state_dict())
        print(name, "to", FOLDERS[name])
    write_adapters(folder)
    print(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, "MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=HOME / "mini")
    main(**vars(parser.parse_args()))
