"""Goes on on a new machine: python -m stages.state resume; and keeps the stage in progress: python -m stages.state keep relu

`resume` fills $MINI_TRAINING from what the repository carries: tokenizer, text encoder, autoencoder and the three UNets from their 8 bits,
the softmax base of the ablation, and then the kept stage (its moving averages; optimizers start anew).
"""

import argparse
import json
import shutil

import torch

from mini import text_encoder, tokenizer, vae
from mini.generate import STATES
from mini.kept import ROOT, STATE, begin, fill, keep, kept, widened
from mini.run import HOME
from mini.unet import MINI, UNet
from stages.base import RELU, head

MODEL = ROOT / "assets/mini"
WEIGHTS = "diffusion_pytorch_model.safetensors"
UNETS = {"relu": MODEL / "unet", "progressive": MODEL / "unet_progressive_distillation", "ufogen": MODEL / "unet_ufogen", "base": ROOT / "training/ablation/unet"}


def resume() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copytree(MODEL / "tokenizer", HOME / "tokenizer", dirs_exist_ok=True)
    config = json.loads((MODEL / "vae/config.json").read_text())
    (HOME / "scaling_factor.json").write_text(json.dumps(config["scaling_factor"]))
    begin("vae", {"vae": fill(vae.create(), widened(MODEL / "vae" / WEIGHTS))})
    encoder = text_encoder.create(tokenizer.load(HOME / "tokenizer"))
    begin("text", {"encoder": fill(encoder, widened(MODEL / "text_encoder/model.safetensors"), "text_model.")})
    torch.manual_seed(0)
    stage, count, weights = kept() if STATE.exists() else ("", 0, {})
    for name, folder in UNETS.items():
        folder_stage, extra = STATES[name]
        if folder_stage == stage:
            continue
        net = fill(UNet({**(MINI if name == "base" else RELU), **extra}), widened(folder / WEIGHTS))
        begin(folder_stage, {"unet": net} | ({"head": head()} if name in ("base", "relu") else {}))
    if stage:
        path = HOME / stage / "state.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save({"modules": weights, "ema": weights, "optimizers": {}, "count": count}, path)
        print(f"{stage} goes on from step {count}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("resume")
    commands.add_parser("keep").add_argument("stage")
    options = parser.parse_args()
    if options.command == "resume":
        resume()
    else:
        print(keep(options.stage), f"{STATE.stat().st_size / 1e6:.2f} MB")
