"""Noise schedule and samplers, in diffusers' conventions (DDIMScheduler with trailing spacing and zero terminal SNR)."""

from collections.abc import Callable

import torch
from torch import Tensor

T = 1000
Predict = Callable[[Tensor, Tensor], Tensor]  # (x, t [n]) to v


def alphas_cumprod(zero_terminal_snr: bool = True) -> Tensor:
    """ᾱ of the scaled linear schedule 0.00085 … 0.012, rescaled as in arXiv 2305.08891, algorithm 1."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, T) ** 2
    bars = torch.cumprod(1 - betas, 0)
    if not zero_terminal_snr:
        return bars
    roots = bars.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    return ((roots - last) * first / (first - last)) ** 2


BARS = alphas_cumprod()


def alpha_sigma(t: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ at timesteps [n], as [n, 1, 1, 1]; t = −1 is the picture itself (α = 1)."""
    bars = BARS.to(t.device)[t.clamp_min(0)]
    bars = torch.where(t < 0, torch.ones_like(bars), bars).view(-1, 1, 1, 1)
    return bars.sqrt(), (1 - bars).sqrt()


def noised(x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(t)
    return alpha * x0 + sigma * noise


def velocity(x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """v = α ε − σ x₀ (Salimans & Ho 2022)."""
    alpha, sigma = alpha_sigma(t)
    return alpha * noise - sigma * x0


def to_x0(x: Tensor, v: Tensor, t: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(t)
    return alpha * x - sigma * v


def to_noise(x: Tensor, v: Tensor, t: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(t)
    return alpha * v + sigma * x


def trailing(steps: int) -> list[int]:
    """round(arange(T, 0, −T/N)) − 1."""
    return [round(T - i * T / steps) - 1 for i in range(steps)]


def ddim_step(x: Tensor, v: Tensor, t: Tensor, previous: Tensor) -> Tensor:
    """η = 0."""
    alpha, sigma = alpha_sigma(previous)
    return alpha * to_x0(x, v, t) + sigma * to_noise(x, v, t)


@torch.no_grad()
def ddim(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    """From noise at t = 999 to x₀ (the last step has α = 1)."""
    x, rows = noise, torch.ones(len(noise), dtype=torch.long, device=noise.device)
    for t in trailing(steps):
        x = ddim_step(x, predict(x, t * rows), t * rows, max(t - T // steps, -1) * rows)
    return x


@torch.no_grad()
def ufogen(predict: Predict, noise: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """UFOGen's sampler (arXiv 2311.09257): predict x₀, add fresh noise, repeat; the result is the last x₀."""
    x, rows = noise, torch.ones(len(noise), dtype=torch.long, device=noise.device)
    for i in reversed(range(steps)):
        t = int((i + 1) / steps * (T - 1))
        x0 = to_x0(x, predict(x, t * rows), t * rows)
        if i:
            fresh = torch.randn(x.shape, generator=generator).to(x)
            x = noised(x0, fresh, int(t - (T - 1) / steps) * rows)
    return x0
