"""The losses of every diffusion stage, as formulas on tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .schedule import BARS, T, Predict, alpha_sigma, ddim_step, noised, to_x0, velocity


def snr(t: Tensor) -> Tensor:
    bars = BARS.to(t.device)[t]
    return bars / (1 - bars)


def min_snr_weight(t: Tensor, gamma: float = 5.0) -> Tensor:
    """min(SNR + 1, γ) / (SNR + 1) on v: min-SNR-γ (arXiv 2303.09556) with one added to the SNR.

    Without the one, zero terminal SNR gives t = 999 the weight 0, where all of one-step sampling happens.
    """
    ratio = snr(t) + 1
    return ratio.clamp_max(gamma) / ratio


def min_snr_x0_weight(t: Tensor, gamma: float = 5.0) -> Tensor:
    """The same weight for an error in x₀: min(SNR + 1, γ), since ‖v error‖² = (SNR + 1) ‖x₀ error‖²."""
    return (snr(t) + 1).clamp_max(gamma)


def stratified(count: int, device: torch.device, low: int = 0, high: int = T) -> Tensor:
    """Timesteps in [low, high), one from each of `count` equal parts, in random order."""
    parts = (torch.randperm(count) + torch.rand(count)) / count
    return (low + (parts * (high - low)).long().clamp_max(high - low - 1)).to(device)


def v_loss(predict: Predict, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Weighted mean square of v's error, one number a sample."""
    error = (predict(noised(x0, noise, t), t) - velocity(x0, noise, t)).square().mean((1, 2, 3))
    return min_snr_weight(t) * error


def layout_loss(kind_logits: Tensor, colour_logits: Tensor, layout: Tensor) -> Tensor:
    """Auxiliary: what stands in which cell, read off the mid block (in the spirit of REPA, arXiv 2410.06940)."""
    return F.cross_entropy(kind_logits, layout[:, 0]) + F.cross_entropy(colour_logits, layout[:, 1])


def grid(numerator: Tensor, parts: int) -> Tensor:
    """Timestep of u = numerator / parts on the trailing grid, rounded half to even; −1 is u = 0."""
    return torch.round(numerator.double() * T / parts).long() - 1


@torch.no_grad()
def progressive_target(teacher: Predict, z: Tensor, steps: int, i: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Salimans & Ho 2022, algorithm 2, on the trailing grid of a student with `steps` steps, i in {0 … steps − 1}.

    Two DDIM steps of the teacher, u → u − 0.5/N → u − 1/N with u = (i + 1)/N, give z_s. The target is the x₀ that takes one
    step of the student there: (z_s − (σ_s/σ_u) z) / (α_s − (σ_s/σ_u) α_u); where i = 0 it is the teacher's last x₀.
    Returns target x₀, the start's timestep and max(SNR, 1).
    """
    start, middle, end = (grid(2 * i + k, 2 * steps) for k in (2, 1, 0))
    z_middle = ddim_step(z, teacher(z, start), start, middle)
    v = teacher(z_middle, middle)
    last_x0 = to_x0(z_middle, v, middle)
    z_end = ddim_step(z_middle, v, middle, end)
    (alpha_u, sigma_u), (alpha_s, sigma_s) = alpha_sigma(start), alpha_sigma(end)
    ratio = sigma_s / sigma_u
    target = (z_end - ratio * z) / (alpha_s - ratio * alpha_u)
    target = torch.where((i == 0).view(-1, 1, 1, 1), last_x0, target)
    return target, start, snr(start).clamp_min(1)


def progressive_loss(student: Predict, teacher: Predict, x0: Tensor, noise: Tensor, steps: int, i: Tensor) -> Tensor:
    """max(SNR, 1) ‖x̂₀ − x̃₀‖², one number a sample."""
    start = grid(i + 1, steps)
    z = noised(x0, noise, start)
    target, start, weight = progressive_target(teacher, z, steps, i)
    return weight * (to_x0(z, student(z, start), start) - target).square().mean((1, 2, 3))


def guided(conditional: Tensor, unconditional: Tensor, scale: Tensor) -> Tensor:
    """Classifier-free guidance on raw outputs; scale [n]."""
    return unconditional + scale.view(-1, 1, 1, 1) * (conditional - unconditional)


def guidance_loss(student: Predict, teacher: Predict, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Meng et al. 2023, stage 1: one pass that knows w learns the teacher's guided v."""
    z = noised(x0, noise, t)
    with torch.no_grad():
        target = teacher(z, t)
    return min_snr_weight(t) * (student(z, t) - target).square().mean((1, 2, 3))


@torch.no_grad()
def matching_direction(made: Tensor, real_x0: Tensor, fake_x0: Tensor) -> Tensor:
    """Distribution matching (Yin et al. 2024, arXiv 2311.18828, equations 7 and 8): the gradient that a made x₀ descends.

    `made` was noised, and two networks denoised it: one that knows the real pictures, one that knows the made ones. Their
    difference, in units of how far the picture is from the real one's answer.
    """
    return (fake_x0 - real_x0) / (made - real_x0).abs().mean((1, 2, 3), keepdim=True).clamp_min(1e-3)


def adversarial(logits: Tensor, real: bool) -> Tensor:
    """Binary cross-entropy of the discriminator's logits against real or fake."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
