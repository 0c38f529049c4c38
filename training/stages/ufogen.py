"""Stage 6, one step: python -m stages.ufogen

UFOGen (arXiv 2311.09257): generator and discriminator both start from the diffusion model. With t ~ U{1 … T − 1} and t' = max(0, t − T/4),
the discriminator tells q(x_t' | x₀) from q(x_t' | G(x_t, t)); the generator also keeps the diffusion's mean square to x₀.
On several cores `torchrun --nproc-per-node 2 -m stages.ufogen --compiled`.
"""

import argparse

import torch
from torch import Tensor, nn

from mini import losses
from mini.data import Latents
from mini.model import Frozen, bind, copy_into, guidance_embedding
from mini.run import DEVICE, HOME, WORKERS, Run, autocast, load_ema
from mini.schedule import T, noised, to_x0
from mini.unet import UNet
from stages.base import RELU
from stages.latents import FOLDER, scaling_factor
from stages.progressive import CONDITION, STUDENT
from stages.text import tokens


@torch.no_grad()
def fixed_guidance(student: UNet, scale: float) -> UNet:
    """A student's network for one guidance scale: what `cond_proj` would add goes into the next layer's bias."""
    time = student.time_embedding
    weights = student.state_dict()
    added = time.cond_proj(guidance_embedding(torch.tensor([scale], device=DEVICE), CONDITION))[0]
    weights["time_embedding.linear_1.bias"] = time.linear_1.bias + time.linear_1.weight @ added
    net = UNet(RELU)
    net.load_state_dict({k: v for k, v in weights.items() if "cond_proj" not in k})
    return net


def discriminator(source: UNet) -> UNet:
    """The source's network with one output channel, its last convolution zero: a logit per cell."""
    net = copy_into(source, UNet(source.config))
    net.conv_out = nn.Conv2d(net.conv_out.in_channels, 1, 3, padding=1)
    nn.init.zeros_(net.conv_out.weight)
    nn.init.zeros_(net.conv_out.bias)
    return net


def logits(net: UNet, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
    """One a cell, [n, 1, h, w]."""
    with autocast():
        return net(x, t, context).float()


def main(samples: int, batch: int, rate: float, critic_rate: float, adversarial: float, terminal: float, source: str, guidance: float, compiled: bool) -> None:
    distilled = source != "relu"
    start = load_ema(source, "unet", UNet(STUDENT if distilled else RELU))
    start = fixed_guidance(start, guidance) if distilled else start
    generator, critic = UNet(RELU).to(DEVICE), discriminator(start).to(DEVICE)
    if not (HOME / "ufogen/state.pt").exists():
        copy_into(start, generator)
    adam = {
        "unet": torch.optim.Adam(generator.parameters(), rate, (0.9, 0.999)),
        "critic": torch.optim.Adam(critic.parameters(), critic_rate, (0.0, 0.999)),
    }
    run = Run("ufogen", {"unet": generator, "critic": critic}, adam, ema=0.995)
    frozen, data = Frozen(tokens(), scaling_factor(None), with_vae=False), Latents(FOLDER)
    fast_generator, fast_critic = (torch.compile(net) if compiled else net for net in (generator, critic))
    while run.count < samples // (batch * WORKERS):
        torch.manual_seed(run.part)
        part = data.batch(run.part, batch, DEVICE)
        x0, context = part.latents, frozen.encode(part.ids)
        t = losses.stratified(batch, DEVICE, 1, T)
        t[: int(terminal * batch)] = T - 1
        later = losses.ufogen_times(t)
        x = noised(x0, torch.randn_like(x0), t)
        made = to_x0(x, bind(fast_generator, context)(x, t), t)
        fake = noised(made, torch.randn_like(x0), later)
        numbers = {}
        if run.count % 2 == 0:
            real = noised(x0, torch.randn_like(x0), later)
            on_real, on_fake = (logits(fast_critic, x, later, context) for x in (real, fake.detach()))
            d_loss = losses.adversarial(on_real, True) + losses.adversarial(on_fake, False)
            run.descend(d_loss, only="critic")
            numbers["critic"] = 2 * d_loss
        critic.requires_grad_(False)
        g_loss = losses.adversarial(logits(fast_critic, fake, later, context), True)
        mse = (losses.snr(t).clamp_max(5) * (made - x0).square().mean((1, 2, 3))).mean()  # none at 999, where noise says nothing of x0
        run.descend(mse + adversarial * g_loss, only="unet")
        critic.requires_grad_(True)
        run.step(numbers | {"generator": g_loss, "mse": mse}, 50)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=600_000)
    parser.add_argument("--batch", type=int, default=64, help="a worker")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--critic-rate", type=float, default=1e-4)
    parser.add_argument("--adversarial", type=float, default=0.1, help="weight of the adversarial loss beside the mean square")
    parser.add_argument("--terminal", type=float, default=0.25, help="share of samples at t = 999")
    parser.add_argument("--source", default="relu", help="relu, or progressive_1 to start from the distilled student")
    parser.add_argument("--guidance", type=float, default=5.0, help="scale at which a distilled student is taken")
    parser.add_argument("--compiled", action="store_true")
    main(**vars(parser.parse_args()))
