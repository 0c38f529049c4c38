"""Stage 3b, the base: python -m stages.base --samples 3000000; stage 4, softmax to ReLU: python -m stages.base --relu

On several cores `torchrun --nproc-per-node 2 -m stages.base …` with one thread each is faster than one process with two threads.
v-prediction, zero terminal SNR, min-SNR-5, Muon and AdamW at a constant rate and a linear end (--finish), EMA, captions
dropped for a tenth, bfloat16. An auxiliary 1×1 head on the mid block says what stands where; it is thrown away.
"""

import argparse

import torch
from torch import nn

from mini import losses, muon
from mini.data import Latents
from mini.model import Frozen, copy_into
from mini.run import DEVICE, HOME, WORKERS, Run, autocast, load_ema
from mini.schedule import noised, velocity
from mini.unet import MINI, UNet
from mini.world import COLOUR_NAMES, KINDS
from stages.latents import FOLDER, scaling_factor
from stages.text import tokens

RELU = {**MINI, "attention_activation": "relu", "attention_length_norm": True}


def head() -> nn.Conv2d:
    return nn.Conv2d(MINI["block_out_channels"][-1], 2 + len(KINDS) + len(COLOUR_NAMES), 1)


def networks(name: str) -> tuple[UNet, nn.Module]:
    """A stage's networks; a ReLU run that starts takes the base's averaged weights."""
    net, reader = UNet(RELU if name == "relu" else MINI).to(DEVICE), head().to(DEVICE)
    if name == "relu" and not (HOME / "relu/state.pt").exists():
        copy_into(load_ema("base", "unet", UNet(MINI)), net)
        load_ema("base", "head", reader)
    return net, reader


def main(name: str, samples: int, batch: int, rate: float, finish: int, auxiliary: float, compiled: bool, dropout: float = 0.1) -> None:
    net, reader = networks(name)
    frozen, data = Frozen(tokens(), scaling_factor(None), with_vae=False), Latents(FOLDER)
    run = Run(name, {"unet": net, "head": reader}, muon.optimizers([net, reader], rate), ema=0.9995)
    steps = samples // (batch * WORKERS)
    print(f"{len(data)} scenes, {sum(p.numel() for p in net.parameters())} parameters, step {run.count} of {steps}", flush=True)
    forward = torch.compile(net) if compiled else net
    while run.count < steps:
        if run.count % 500 == 0:
            data.refresh()
        torch.manual_seed(run.part)
        part = data.batch(run.part, batch, DEVICE)
        context = frozen.encode(frozen.drop(part.ids, dropout))
        t, noise = losses.stratified(batch, DEVICE), torch.randn_like(part.latents)
        warmup = min(1.0, (run.count + 1) / 300)
        run.rate(warmup * min(1.0, max(steps - run.count, 1) * batch * WORKERS / finish if finish else 1.0))
        with autocast():
            v, middle = forward(noised(part.latents, noise, t), t, context, features=True)
            logits = reader(middle).float().split([1 + len(KINDS), 1 + len(COLOUR_NAMES)], 1)
        error = (v.float() - velocity(part.latents, noise, t)).square().mean((1, 2, 3))
        loss, layout = (losses.min_snr_weight(t) * error).mean(), losses.layout_loss(*logits, part.layout)
        run.descend(loss + auxiliary * layout)
        run.step({"loss": loss, "layout": layout})
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--relu", action="store_true", help="stage 4: ReLU attention from the base's weights")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--batch", type=int, default=64, help="a worker")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--finish", type=int, default=0, help="samples over which the rate falls to zero at the end")
    parser.add_argument("--auxiliary", type=float, default=0.03)
    parser.add_argument("--compiled", action="store_true", help="torch.compile: minutes at the start, then 1.35 × as fast on a CPU")
    options = vars(parser.parse_args())
    relu = options.pop("relu")
    options["samples"] = options["samples"] or (300_000 if relu else 3_000_000)
    main("relu" if relu else "base", **options)
