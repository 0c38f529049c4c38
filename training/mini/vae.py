"""The autoencoder: f = 8, 8 latent channels, thin, in diffusers' AutoencoderKL layout; and the critic that sharpens its decoder."""

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

CHANNELS = (16, 32, 64, 96)


def create(channels: tuple[int, ...] = CHANNELS, latent_channels: int = 8, groups: int = 8, size: int = 128) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=groups,
        sample_size=size,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def moments(vae: AutoencoderKL, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the latents of pictures in [-1, 1]."""
    mean, log_variance = vae.quant_conv(vae.encoder(pictures)).float().chunk(2, 1)
    return mean, log_variance.clamp(-30, 20)


def loss(vae: AutoencoderKL, pictures: Tensor, kl_weight: float = 1e-3) -> dict[str, Tensor]:
    """L1, L1 of the gradients at three scales, and a small KL term, all means over elements."""
    mean, log_variance = moments(vae, pictures)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    latents = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    l1, gradient = differences(vae.decoder(vae.post_quant_conv(latents)).float() - pictures)
    return {"loss": l1 + gradient + kl_weight * kl, "l1": l1, "gradient": gradient, "kl": kl}


def differences(difference: Tensor) -> tuple[Tensor, Tensor]:
    """L1, and L1 of the gradients at three scales."""
    l1, gradient = difference.abs().mean(), 0.0
    for scale in range(3):
        small = avg_pool2d(difference, 2**scale) if scale else difference
        gradient = gradient + small.diff(dim=-1).abs().mean() + small.diff(dim=-2).abs().mean()
    return l1, gradient


def critic(width: int = 32) -> nn.Sequential:
    """Real or restored, a verdict for each patch of 26 pixels: [n, 3, h, w] to logits [n, 1, h / 4, w / 4]."""
    layers, inputs = [], 3
    for outputs, stride in ((width, 2), (2 * width, 2), (2 * width, 1)):
        layers += [nn.utils.parametrizations.spectral_norm(nn.Conv2d(inputs, outputs, 4 if stride == 2 else 3, stride, 1)), nn.LeakyReLU(0.2)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Conv2d(inputs, 1, 3, 1, 1))
