"""Stage 6, one step: python -m stages.ufogen

UFOGen (arXiv 2311.09257), a generator against a critic that sees noised pictures, with distribution matching (Yin et al. 2024, arXiv
2405.14867): the critic also denoises what the generator makes, and where its answer differs from the guided teacher's, the generator
follows the teacher. On several cores `torchrun --nproc-per-node 2 -m stages.ufogen --compiled`.
"""

import argparse

import torch
from torch import Tensor, nn

from mini import losses, muon
from mini.data import Latents
from mini.model import Frozen, bind, copy_into, guidance_embedding
from mini.run import DEVICE, HOME, WORKERS, Run, autocast, load_ema
from mini.schedule import T, noised, to_x0, velocity
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
    added = time.cond_proj(guidance_embedding(torch.tensor([scale], device=time.linear_1.bias.device), CONDITION))[0]
    weights["time_embedding.linear_1.bias"] = time.linear_1.bias + time.linear_1.weight @ added
    net = UNet(RELU)
    net.load_state_dict({k: v for k, v in weights.items() if "cond_proj" not in k})
    return net


class Critic(nn.Module):
    """A diffusion network of the generator's pictures, with a 1×1 head on its mid block that tells them from real ones."""

    def __init__(self, base: UNet):
        super().__init__()
        self.unet, self.head = base, nn.Conv2d(base.config["block_out_channels"][-1], 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """v [n, c, h, w], and a logit per cell of the mid block [n, 1, h', w']."""
        v, middle = self.unet(x, t, context, features=True)
        return v, self.head(middle)


def main(samples: int, batch: int, rate: float, critic_rate: float, adversarial: float, terminal: float, source: str, guidance: float, compiled: bool) -> None:
    teacher = fixed_guidance(load_ema("guidance", "unet", UNet(STUDENT)), guidance).to(DEVICE).eval().requires_grad_(False)
    start = fixed_guidance(load_ema(source, "unet", UNet(STUDENT)), guidance)
    generator, critic = UNet(RELU).to(DEVICE), Critic(load_ema("relu", "unet", UNet(RELU))).to(DEVICE)
    if not (HOME / "ufogen/state.pt").exists():
        copy_into(start, generator)
    optimizers = {f"unet.{k}": o for k, o in muon.optimizers([generator], rate).items()}
    optimizers |= {f"critic.{k}": o for k, o in muon.optimizers([critic], critic_rate).items()}
    run = Run("ufogen", {"unet": generator, "critic": critic}, optimizers, ema=0.99)
    frozen, data = Frozen(tokens(), scaling_factor(None), with_vae=False), Latents(FOLDER)
    fast_generator, fast_critic, fast_teacher = (torch.compile(net) if compiled else net for net in (generator, critic, teacher))

    def judge(x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        with autocast():
            v, logits = fast_critic(x, t, context)
        return v.float(), logits.float()

    total = samples // (batch * WORKERS)
    while run.count < total:
        torch.manual_seed(run.part)
        part = data.batch(run.part, batch, DEVICE)
        x0, context = part.latents, frozen.encode(part.ids)
        run.rate(min(1.0, 4 * (total - run.count) / total))
        t = losses.stratified(batch, DEVICE, 1, T)
        t[: int(terminal * batch)] = T - 1
        x = noised(x0, torch.randn_like(x0), t)
        made = to_x0(x, bind(fast_generator, context)(x, t), t)

        later, noise, fake = losses.stratified(batch, DEVICE), torch.randn_like(x0), made.detach()
        v, on_fake = judge(noised(fake, noise, later), later, context)
        _, on_real = judge(noised(x0, torch.randn_like(x0), later), later, context)
        denoising = (losses.min_snr_weight(later) * (v - velocity(fake, noise, later)).square().mean((1, 2, 3))).mean()
        told = losses.adversarial(on_real, True) + losses.adversarial(on_fake, False)
        run.descend(denoising + 0.1 * told, only="critic")

        critic.requires_grad_(False)
        later = losses.stratified(batch, DEVICE, T // 50, T - T // 50)
        x = noised(made, torch.randn_like(x0), later)
        v, on_fake = judge(x, later, context)
        with torch.no_grad():
            answers = (to_x0(x, answer, later) for answer in (bind(fast_teacher, context)(x, later), v))
            direction = losses.matching_direction(made, *answers)
        matching, fooled = (direction * made).mean(), losses.adversarial(on_fake, True)
        mse = (losses.snr(t).clamp_max(5) * (made - x0).square().mean((1, 2, 3))).mean()  # none at 999, where noise says nothing of x0
        run.descend(matching + adversarial * fooled + mse, only="unet")
        critic.requires_grad_(True)
        run.step({"denoising": denoising, "critic": told, "generator": fooled, "direction": direction.abs().mean(), "mse": mse}, 50)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=600_000)
    parser.add_argument("--batch", type=int, default=32, help="a worker")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--critic-rate", type=float, default=6e-4)
    parser.add_argument("--adversarial", type=float, default=0.03, help="weight of the adversarial loss beside the matching")
    parser.add_argument("--terminal", type=float, default=0.8, help="share of samples at t = 999")
    parser.add_argument("--source", default="progressive_8", help="the distilled student to start from")
    parser.add_argument("--guidance", type=float, default=5.0, help="scale at which the teacher and the student are taken")
    parser.add_argument("--compiled", action="store_true")
    main(**vars(parser.parse_args()))
