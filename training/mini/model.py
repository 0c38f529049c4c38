"""The whole model in memory for the diffusion stages: frozen text encoder and VAE, and networks bound to prompts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from . import text_encoder, vae
from .run import DEVICE, HOME, autocast, load_ema
from .unet import UNet, sinusoid


def autoencoder() -> nn.Module:
    """The autoencoder as far as it has been trained: with the polished decoder if there is one."""
    stage = "decoder" if (HOME / "decoder/state.pt").exists() else "vae"
    return load_ema(stage, "vae", vae.create()).to(DEVICE).eval().requires_grad_(False)


class Frozen:
    """Text encoder, tokenizer and VAE of the earlier stages; none of them is trained any more."""

    def __init__(self, words, scaling_factor: float, with_vae: bool = True):
        self.words, self.factor = words, scaling_factor
        self.text = load_ema("text", "encoder", text_encoder.create(words)).to(DEVICE).eval().requires_grad_(False)
        self.vae = autoencoder() if with_vae else None
        self.empty = torch.tensor(words.encode("").ids, device=DEVICE)

    def ids(self, prompts: list[str]) -> Tensor:
        return torch.tensor([e.ids for e in self.words.encode_batch(prompts)], device=DEVICE)

    @torch.no_grad()
    def encode(self, ids: Tensor) -> Tensor:
        with autocast():
            return self.text(ids).last_hidden_state.float()

    def drop(self, ids: Tensor, share: float) -> Tensor:
        """Puts the empty prompt in the place of a share of the rows."""
        gone = torch.rand(len(ids), 1, device=ids.device) < share
        return torch.where(gone, self.empty, ids)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in [0, 1]."""
        with autocast():
            parts = [self.vae.decode(part / self.factor).sample for part in latents.split(32)]
        return (torch.cat(parts).float() / 2 + 0.5).clamp(0, 1)


def bind(net: UNet, context: Tensor, condition: Tensor | None = None, control: Sequence[Tensor] | None = None):
    """A network with its prompt: (x, t) to v in float32."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        with autocast():
            return net(x, t, context, condition, control=control).float()

    return predict


def bind_guided(net: UNet, context: Tensor, empty: Tensor, scale: Tensor):
    """The same with classifier-free guidance in one batch of two halves; scale [n]."""
    both = torch.cat([empty, context])

    def predict(x: Tensor, t: Tensor) -> Tensor:
        with autocast():
            unconditional, conditional = net(torch.cat([x, x]), torch.cat([t, t]), both).float().chunk(2)
        return unconditional + scale.view(-1, 1, 1, 1) * (conditional - unconditional)

    return predict


def guidance_embedding(scale: Tensor, width: int) -> Tensor:
    """LCM's and Meng et al.'s input: the sinusoid of 1000 · (scale − 1), sines first as in diffusers."""
    return sinusoid(1000 * (scale - 1), width, flip=False, shift=1.0)


def copy_into(source: nn.Module, target: nn.Module) -> nn.Module:
    """Starts a network from another one; parameters that only the target has keep their start (zero for `cond_proj`)."""
    missing, unexpected = target.load_state_dict(source.state_dict(), strict=False)
    assert not unexpected and all("cond_proj" in name for name in missing), (missing, unexpected)
    for name, p in target.named_parameters():
        if "cond_proj" in name and name in missing:
            nn.init.zeros_(p)
    return target
