"""Writes the model folder from the averaged weights in half precision: python -m stages.deliver [--folder F]

unet/ is the ReLU base if there is one, else the softmax base; the others appear when their stages have run.
"""

import argparse
import shutil
from pathlib import Path

from mini import export, text_encoder
from mini.generate import available, network
from mini.model import Frozen
from mini.run import HOME
from stages.latents import scaling_factor
from stages.text import tokens

FOLDERS = {"base": "unet", "relu": "unet", "progressive": "unet_progressive_distillation", "ufogen": "unet_ufogen"}


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
    print(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, "MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=HOME / "mini")
    main(**vars(parser.parse_args()))
