"""Stage 5, guidance into one pass, then 32 → 16 → 8 steps: python -m stages.progressive

On several cores `torchrun --nproc-per-node 2 -m stages.progressive --compiled`. `--down-to 1` halves on to one step, for UFOGen to start from.
Meng et al. 2023 (arXiv 2210.03142) for the guidance, Salimans & Ho 2022 (arXiv 2202.00512) for the halving. The parts run one
after the other; each keeps its own state, so that the same command resumes wherever it was stopped.
"""

import argparse
from collections.abc import Callable

import torch

from mini import losses, muon
from mini.data import Latents
from mini.model import Frozen, bind, bind_guided, copy_into, guidance_embedding
from mini.run import DEVICE, HOME, WORKERS, Run, cosine, load_ema
from mini.unet import UNet
from stages.base import RELU
from stages.latents import FOLDER, scaling_factor
from stages.text import tokens

CONDITION = 256
STUDENT = {**RELU, "time_cond_proj_dim": CONDITION}
WEAKEST, STRONGEST = 1.0, 6.0
HALVINGS = (16, 8, 4, 2, 1)  # the first one's teacher takes 32


def stage(name: str, teacher: UNet, steps: int | None, samples: int, batch: int, rate: float, faster: Callable[[UNet], UNet]) -> UNet:
    """One part; `steps` None distils guidance, a number halves to that many steps. Returns the averaged student."""
    net = UNet(STUDENT).to(DEVICE)
    if not (HOME / name / "state.pt").exists():
        copy_into(teacher, net)
    run = Run(name, {"unet": net}, muon.optimizers([net], rate), ema=0.99)
    total = samples // (batch * WORKERS)
    if run.count >= total:
        return run.ema["unet"]
    frozen, data = Frozen(tokens(), scaling_factor(None), with_vae=False), Latents(FOLDER)
    fast, teacher = faster(net), faster(teacher)
    while run.count < total:
        torch.manual_seed(run.part)
        part = data.batch(run.part, batch, DEVICE)
        context = frozen.encode(part.ids)
        scale = WEAKEST + (STRONGEST - WEAKEST) * torch.rand(batch, device=DEVICE)
        embedded, noise = guidance_embedding(scale, CONDITION), torch.randn_like(part.latents)
        student = bind(fast, context, embedded)
        run.rate(cosine(run.count, total, 50))
        if steps is None:
            empty = frozen.encode(frozen.empty.expand(batch, -1))
            t = losses.stratified(batch, DEVICE)
            loss = losses.guidance_loss(student, bind_guided(teacher, context, empty, scale), part.latents, noise, t).mean()
        else:
            i = losses.stratified(batch, DEVICE, 0, steps)
            loss = losses.progressive_loss(student, bind(teacher, context, embedded), part.latents, noise, steps, i).mean()
        run.descend(loss)
        run.step({"loss": loss}, 50)
    run.save()
    return run.ema["unet"]


def main(samples: int, guidance_samples: int, batch: int, rate: float, base: str, down_to: int, compiled: bool) -> None:
    teacher = load_ema(base, "unet", UNet(RELU)).to(DEVICE).eval().requires_grad_(False)
    faster = torch.compile if compiled else lambda net: net
    teacher = stage("guidance", teacher, None, guidance_samples, batch, rate, faster)
    for steps in HALVINGS:
        if steps >= down_to:
            teacher = stage(f"progressive_{steps}", teacher, steps, samples, batch, rate, faster)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=150_000, help="a halving")
    parser.add_argument("--guidance-samples", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=64, help="a worker")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--base", default="relu")
    parser.add_argument("--down-to", type=int, default=8)
    parser.add_argument("--compiled", action="store_true")
    main(**vars(parser.parse_args()))
