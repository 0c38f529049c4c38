"""Adapters, trained on the ReLU base alone: python -m stages.adapters lora; python -m stages.adapters edges

`lora` is a look (pink hills under a lavender sky, whatever the caption says), rank 16 on all attention; `edges` is a control plugin that follows Canny edges.
Both need their data first: python -m stages.latents --kind candy --shards 1; the same with --kind edged.
"""

import argparse

import torch

from mini import losses
from mini.control_plugin import EDGES, ControlPlugin
from mini.data import Latents
from mini.lora import add_lora
from mini.model import Frozen, bind
from mini.run import DEVICE, HOME, WORKERS, Run, cosine, load_ema
from mini.unet import UNet
from stages.base import RELU
from stages.latents import scaling_factor
from stages.text import tokens

RANK = 16


def main(which: str, samples: int, batch: int, rate: float, base: str, compiled: bool) -> None:
    net = load_ema(base, "unet", UNet(RELU)).to(DEVICE).eval().requires_grad_(False)
    adapter = (add_lora(net, RANK) if which == "lora" else ControlPlugin(EDGES)).to(DEVICE)
    print(sum(p.numel() for n, p in adapter.named_parameters() if ".base." not in n), "parameters", flush=True)
    trained = [p for p in adapter.parameters() if p.requires_grad]
    run = Run(which, {"adapter": adapter}, {"adam": torch.optim.AdamW(trained, rate, weight_decay=0.01)}, ema=0.99)
    total = samples // (batch * WORKERS)
    frozen, data = Frozen(tokens(), scaling_factor(None), with_vae=False), Latents(HOME / ("candy" if which == "lora" else "edged"))
    fast = torch.compile(net) if compiled else net
    while run.count < total:
        torch.manual_seed(run.part)
        part = data.batch(run.part, batch, DEVICE)
        context = frozen.encode(frozen.drop(part.ids, 0.1))
        t, noise = losses.stratified(batch, DEVICE), torch.randn_like(part.latents)
        run.rate(cosine(run.count, total, 30))
        control = adapter(part.edges) if which == "edges" else None
        loss = losses.v_loss(bind(fast, context, control=control), part.latents, noise, t).mean()
        run.descend(loss)
        run.step({"loss": loss}, 50)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("which", choices=("lora", "edges"))
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=64, help="a worker")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--base", default="relu")
    parser.add_argument("--compiled", action="store_true")
    main(**vars(parser.parse_args()))
