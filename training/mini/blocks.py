"""Building blocks of the UNet, with diffusers' state-dict keys and MobileDiffusion's options (arXiv 2311.16567)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SeparableConv(nn.Module):
    """Depthwise 3×3 without bias, then pointwise 1×1."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


def conv3(inputs: int, outputs: int, separable: bool, stride: int = 1) -> nn.Module:
    return SeparableConv(inputs, outputs, stride) if separable else nn.Conv2d(inputs, outputs, 3, stride, 1)


class Resnet(nn.Module):
    """diffusers' ResnetBlock2D."""

    def __init__(self, inputs: int, outputs: int, time: int, groups: int, eps: float, separable: bool):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps)
        self.conv1 = conv3(inputs, outputs, separable)
        self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps)
        self.conv2 = conv3(outputs, outputs, separable)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = hidden + self.time_emb_proj(F.silu(time))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return hidden + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Attention(nn.Module):
    """Multi-head attention; softmax or `relu(Q Kᵀ / √d) V`, optionally over the number of keys."""

    def __init__(self, width: int, context: int, heads: int, shared: bool, activation: str, length_norm: bool):
        super().__init__()
        self.heads, self.activation, self.length_norm = heads, activation, length_norm
        self.to_q = nn.Linear(width, width, bias=False)
        for name in ["to_kv"] if shared else ["to_k", "to_v"]:
            setattr(self, name, nn.Linear(context, width, bias=False))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        split = lambda t: t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query = split(self.to_q(x))
        if hasattr(self, "to_kv"):
            key = value = split(self.to_kv(context))
        else:
            key, value = split(self.to_k(context)), split(self.to_v(context))
        scores = query * query.shape[-1] ** -0.5 @ key.mT
        weights = scores.softmax(-1).to(value.dtype) if self.activation == "softmax" else scores.relu()
        out = (weights / key.shape[-2] if self.length_norm else weights) @ value
        return self.to_out[0](out.transpose(1, 2).flatten(2))


class Gate(nn.Module):
    """diffusers' GEGLU and SwiGLU."""

    def __init__(self, width: int, inner: int, activation: str):
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)
        self.activation = {"geglu": F.gelu, "swiglu": F.silu}[activation]

    def forward(self, x: Tensor) -> Tensor:
        hidden, gate = self.proj(x).chunk(2, -1)
        return hidden * self.activation(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, activation: str):
        super().__init__()
        self.net = nn.ModuleList([Gate(width, inner, activation), nn.Identity(), nn.Linear(inner, width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    """diffusers' BasicTransformerBlock; without self-attention it has no norm1 and attn1."""

    def __init__(self, width: int, context: int, heads: int, self_attention: bool, config: dict):
        super().__init__()
        options = (heads, config["shared_key_value"], config["attention_activation"], config["attention_length_norm"])
        self.norm1 = nn.LayerNorm(width) if self_attention else None
        self.attn1 = Attention(width, width, *options) if self_attention else None
        self.norm2, self.attn2 = nn.LayerNorm(width), Attention(width, context, *options)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width, config["feed_forward_multiplier"] * width, config["feed_forward_activation"])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        if self.attn1 is not None:
            normed = self.norm1(x)
            x = x + self.attn1(normed, normed)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    """diffusers' Transformer2DModel."""

    def __init__(self, width: int, heads: int, layers: int, self_attention: bool, config: dict):
        super().__init__()
        self.linear = config["use_linear_projection"]
        project = (lambda: nn.Linear(width, width)) if self.linear else (lambda: nn.Conv2d(width, width, 1))
        self.norm = nn.GroupNorm(config["norm_num_groups"], width, 1e-6)
        self.proj_in, self.proj_out = project(), project()
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(width, config["cross_attention_dim"], heads, self_attention, config) for _ in range(layers)
        )

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        height = x.shape[2]
        rows = lambda t: t.flatten(2).mT
        picture = lambda t: t.mT.unflatten(2, (height, -1))
        hidden = self.norm(x)
        hidden = self.proj_in(rows(hidden)) if self.linear else rows(self.proj_in(hidden))
        for block in self.transformer_blocks:
            hidden = block(hidden, context)
        return x + (picture(self.proj_out(hidden)) if self.linear else self.proj_out(picture(hidden)))


class Downsample(nn.Module):
    def __init__(self, channels: int, separable: bool):
        super().__init__()
        self.conv = conv3(channels, channels, separable, 2)

    def forward(self, x: Tensor, size: torch.Size | None = None) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    def __init__(self, channels: int, separable: bool):
        super().__init__()
        self.conv = conv3(channels, channels, separable)

    def forward(self, x: Tensor, size: torch.Size | None = None) -> Tensor:
        return self.conv(F.interpolate(x, size or (2 * x.shape[2], 2 * x.shape[3]), mode="nearest"))


class Stack(nn.Module):
    """A down, mid or up block: residual layers, attention where asked for, then perhaps a change of resolution."""

    def __init__(self, resnets: list[nn.Module], attentions: list[nn.Module], sampler: nn.Module | None, name: str = ""):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        self.attentions = nn.ModuleList(attentions) if attentions else None
        self.sampler_name = name if sampler is not None else ""
        if sampler is not None:
            setattr(self, name, nn.ModuleList([sampler]))

    def layer(self, i: int, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        x = self.resnets[i](x, time)
        return x if self.attentions is None or i >= len(self.attentions) else self.attentions[i](x, context)

    def sample(self, x: Tensor, size: torch.Size | None = None) -> Tensor:
        return getattr(self, self.sampler_name)[0](x, size) if self.sampler_name else x
