"""Stage 1b, a sharper decoder, at any time; latents, and so the diffusion, stay valid: python -m stages.decoder

L1, L1 of the gradients at three scales, and a critic of patches, on whole pictures. The latents are a little off, as those of the
diffusion are. A first run starts from the autoencoder's averages.
"""

import argparse

import numpy
import torch

from mini import losses, muon, pool, vae
from mini.run import DEVICE, HOME, Run, autocast, load_ema


def main(steps: int, batch: int, rate: float, adversarial: float, off: float, critic_alone: int) -> None:
    model, critic = vae.create().to(DEVICE), vae.critic().to(DEVICE)
    if not (HOME / "decoder/state.pt").exists():
        load_ema("vae", "vae", model)
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    optimizers = {f"vae.{k}": o for k, o in muon.optimizers([model], rate).items()}
    optimizers["critic.adam"] = torch.optim.AdamW(critic.parameters(), 1e-3, (0.5, 0.98), weight_decay=0.0)
    run = Run("decoder", {"vae": model, "critic": critic}, optimizers, ema=0.99)
    pictures = pool.load()
    while run.count < steps:
        torch.manual_seed(run.part)
        rows = numpy.random.default_rng(run.part).integers(len(pictures), size=batch)
        x = torch.from_numpy(pictures[rows]).to(DEVICE).float() / 127.5 - 1
        run.rate(min(1.0, (run.count + 1) / 20) * min(1.0, 3 * (steps - run.count) / steps))
        with autocast():
            with torch.no_grad():
                mean, log_variance = vae.moments(model, x)
                spread = (0.5 * log_variance).exp() + off * torch.rand(len(x), 1, 1, 1, device=DEVICE)
                latents = mean + spread * torch.randn_like(mean)
            restored = model.decoder(model.post_quant_conv(latents)).float()
            real, fake = critic(x).float(), critic(restored.detach()).float()
        verdict = losses.adversarial(real, True) + losses.adversarial(fake, False)
        run.descend(verdict, only="critic")
        l1, gradient = vae.differences(restored - x)
        with autocast():
            pleased = losses.adversarial(critic(restored).float(), True)
        weight = adversarial if run.count >= critic_alone else 0.0
        run.descend(l1 + gradient + weight * pleased, only="vae")
        edges = restored.detach().diff(dim=-1).square().mean() / x.diff(dim=-1).square().mean()
        run.step({"l1": l1, "gradient": gradient, "critic": verdict, "pleased": pleased, "edges": edges}, 10)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--adversarial", type=float, default=0.03)
    parser.add_argument("--off", type=float, default=0.1, help="largest standard deviation of what is added to latents")
    parser.add_argument("--critic-alone", type=int, default=60, help="steps that the critic gets before it is listened to")
    main(**vars(parser.parse_args()))
