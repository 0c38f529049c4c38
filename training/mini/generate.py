"""Pictures from prompts, by regime: "ddim" (base with guidance), "progressive" (8 steps, w as input), "ufogen" (1 step)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .model import Frozen, bind, bind_guided, guidance_embedding
from .run import DEVICE, HOME, load_ema
from .schedule import ddim, ufogen
from .unet import MINI, UNet

STATES = {"base": ("base", {}), "relu": ("relu", {}), "progressive": ("progressive_8", {"time_cond_proj_dim": 256}), "ufogen": ("ufogen", {})}


@dataclass(frozen=True)
class Regime:
    """Which network, how many steps, which guidance (1 is none)."""

    network: str
    steps: int
    guidance: float = 1.0


def network(name: str) -> UNet:
    """The averaged weights of a stage, in float32."""
    state, extra = STATES[name]
    relu = {} if name == "base" else {"attention_activation": "relu", "attention_length_norm": True}
    return load_ema(state, "unet", UNet({**MINI, **relu, **extra})).to(DEVICE).eval().requires_grad_(False)


def available() -> list[str]:
    return [name for name, (state, _) in STATES.items() if (HOME / state / "state.pt").exists()]


def start_noise(seeds: list[int]) -> Tensor:
    """One stream a seed, as `torch.Generator("cpu").manual_seed(seed)` gives."""
    return torch.cat([torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(s)) for s in seeds]).to(DEVICE)


@torch.no_grad()
def generate(frozen: Frozen, net: UNet, regime: Regime, prompts: list[str], seeds: list[int], batch: int = 64) -> Tensor:
    """Pictures [n, 3, 128, 128] in [0, 1]."""
    latents = []
    for i in range(0, len(prompts), batch):
        context, noise = frozen.encode(frozen.ids(prompts[i : i + batch])), start_noise(seeds[i : i + batch])
        scale = torch.full((len(noise),), regime.guidance, device=DEVICE)
        if net.config["time_cond_proj_dim"]:
            predict = bind(net, context, guidance_embedding(scale, net.config["time_cond_proj_dim"]))
        elif regime.guidance != 1:
            predict = bind_guided(net, context, frozen.encode(frozen.empty.expand(len(noise), -1)), scale)
        else:
            predict = bind(net, context)
        latents.append((ufogen if regime.network == "ufogen" else ddim)(predict, noise, regime.steps))
    return frozen.decode(torch.cat(latents))
