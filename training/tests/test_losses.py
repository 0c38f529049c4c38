"""Schedule, samplers and losses against diffusers and the papers' formulas."""

import pytest
import torch
from diffusers import DDIMScheduler

from mini import losses, schedule
from mini.export import SCHEDULER


def test_alphas_cumprod() -> None:
    plain = schedule.alphas_cumprod(zero_terminal_snr=False)
    for t, value in {0: 0.99915, 124: 0.8634076, 249: 0.6754324, 499: 0.2776697, 999: 0.0046601}.items():
        assert plain[t].item() == pytest.approx(value, abs=1e-6)
    assert torch.allclose(schedule.BARS, DDIMScheduler(**SCHEDULER).alphas_cumprod, atol=1e-6)
    assert schedule.BARS[999] == 0


def test_trailing() -> None:
    assert schedule.trailing(8) == [999, 874, 749, 624, 499, 374, 249, 124]
    scheduler = DDIMScheduler(**SCHEDULER)
    for steps in (1, 4, 8, 16, 50):
        scheduler.set_timesteps(steps)
        assert schedule.trailing(steps) == scheduler.timesteps.tolist()


@pytest.mark.parametrize("steps", [4, 50])
def test_ddim_is_diffusers(steps: int) -> None:
    scheduler = DDIMScheduler(**SCHEDULER)
    scheduler.set_timesteps(steps)
    predict = lambda x, t: torch.sin(x) * (0.5 + t.view(-1, 1, 1, 1) / 2000)
    x = start = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for t in scheduler.timesteps:
        x = scheduler.step(predict(x, t.expand(2)), t, x).prev_sample
    assert torch.allclose(schedule.ddim(predict, start, steps), x, atol=1e-5)


def test_conversions() -> None:
    x0, noise, t = torch.randn(4, 2, 3, 3), torch.randn(4, 2, 3, 3), torch.tensor([0, 300, 700, 999])
    z, v = schedule.noised(x0, noise, t), schedule.velocity(x0, noise, t)
    assert torch.allclose(schedule.to_x0(z, v, t), x0, atol=1e-5)
    assert torch.allclose(schedule.to_noise(z, v, t), noise, atol=1e-5)
    assert torch.equal(v[3], -x0[3]) and torch.equal(z[3], noise[3])


def test_v_loss() -> None:
    x0, noise, t = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4), torch.tensor([10, 400, 999])
    loss = losses.v_loss(lambda z, t: torch.zeros_like(z), x0, noise, t)
    bars = schedule.BARS[t]
    for n, bar in enumerate(bars):
        ratio = bar / (1 - bar) + 1
        v = bar.sqrt() * noise[n] - (1 - bar).sqrt() * x0[n]
        assert loss[n].item() == pytest.approx((min(ratio, 5.0) / ratio * v.square().mean()).item(), rel=1e-5)


def test_progressive_target_is_one_step_to_where_two_lead() -> None:
    teacher = lambda x, t: torch.tanh(x) + t.view(-1, 1, 1, 1) / 1000
    z, steps = torch.randn(8, 2, 4, 4), 8
    target, start, weight = losses.progressive_target(teacher, z, steps, torch.arange(8))
    assert start.tolist() == schedule.trailing(8)[::-1]
    assert torch.allclose(weight, losses.snr(start).clamp_min(1))
    for i, t in enumerate(start):
        middle, end = torch.tensor([round(1000 * (2 * i + 1) / 16) - 1]), torch.tensor([t - 125])
        one = schedule.ddim_step(z[i : i + 1], teacher(z[i : i + 1], t[None]), t[None], middle)
        two = schedule.ddim_step(one, teacher(one, middle), middle, end)
        alpha, sigma = schedule.alpha_sigma(t[None])
        noise = (z[i : i + 1] - alpha * target[i : i + 1]) / sigma
        alpha, sigma = schedule.alpha_sigma(end)
        assert torch.allclose(alpha * target[i : i + 1] + sigma * noise, two, atol=1e-4)


def test_progressive_last_step_returns_x0() -> None:
    teacher = lambda x, t: torch.tanh(x)
    z, zero = torch.randn(1, 2, 4, 4), torch.tensor([0])
    target, start, _ = losses.progressive_target(teacher, z, 8, zero)
    middle = torch.tensor([61])
    z_middle = schedule.ddim_step(z, teacher(z, start), start, middle)
    assert torch.allclose(target, schedule.to_x0(z_middle, teacher(z_middle, middle), middle))


def test_ufogen_sampler() -> None:
    seen = []
    predict = lambda x, t: (seen.append(int(t[0])), torch.zeros_like(x))[1]
    for steps in (1, 2, 4):
        schedule.ufogen(predict, torch.randn(1, 2, 2, 2), steps)
    assert seen == [999, 999, 499, 999, 749, 499, 249]
    noise = torch.randn(1, 2, 2, 2)
    assert torch.equal(schedule.ufogen(lambda x, t: x * 2, noise, 1), -2 * noise)


def test_ufogen_losses() -> None:
    logits = torch.tensor([0.3, -1.0])
    assert losses.adversarial(logits, True).item() == pytest.approx(-logits.sigmoid().log().mean().item())
    assert losses.adversarial(logits, False).item() == pytest.approx(-(1 - logits.sigmoid()).log().mean().item())


def test_matching_leads_from_one_gaussian_to_another() -> None:
    made, mean, t = torch.randn(2, 2, 3, 3), torch.randn(2, 2, 3, 3), torch.tensor([200, 800])
    alpha, sigma = schedule.alpha_sigma(t)
    x = schedule.noised(made, torch.randn_like(made), t)
    real, fake = alpha * x + sigma**2 * mean, alpha * x  # E[x₀ | x] of N(mean, 1) and of N(0, 1)
    expected = -(sigma**2) * mean / (made - real).abs().mean((1, 2, 3), keepdim=True)
    assert torch.allclose(losses.matching_direction(made, real, fake), expected, atol=1e-6)


def test_stratified() -> None:
    t = losses.stratified(50, torch.device("cpu")).sort().values
    assert ((t // 20) == torch.arange(50)).all()


def test_guided() -> None:
    c, u = torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    out = losses.guided(c, u, torch.tensor([1.0, 4.0]))
    assert torch.allclose(out[0], c[0]) and torch.allclose(out[1], u[1] + 4 * (c[1] - u[1]))
