"""One UNet from a config: diffusers' UNet2DConditionModel, and with the added fields MobileDiffusion's.

Fields added to diffusers' config, with the defaults that reproduce it: `separable_convolutions` (per level, false),
`self_attention` (per level, true), `shared_key_value` (false), `attention_activation` ("softmax"), `attention_length_norm`
(false), `feed_forward_activation` ("geglu"), `feed_forward_multiplier` (4), `skip_connections` ("layer"),
`up_layers_per_block` (deepest first; layers + 1), `mid_block_layers` (1), and the mid block "MobileMidBlock2D".
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import Downsample, Resnet, Stack, Transformer, Upsample

DEFAULTS = {
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "mid_block_type": "UNetMidBlock2DCrossAttn", "transformer_layers_per_block": 1, "attention_head_dim": 8, "cross_attention_dim": 1280,
    "norm_num_groups": 32, "norm_eps": 1e-5, "use_linear_projection": False, "flip_sin_to_cos": True, "freq_shift": 0,
    "time_embedding_dim": None, "time_cond_proj_dim": None,
    "separable_convolutions": False, "self_attention": True, "shared_key_value": False, "attention_activation": "softmax",
    "attention_length_norm": False, "feed_forward_activation": "geglu", "feed_forward_multiplier": 4, "skip_connections": "layer",
    "up_layers_per_block": None, "mid_block_layers": 1,
}

MINI = {
    "_class_name": "UNet2DConditionModel", "in_channels": 8, "out_channels": 8, "sample_size": 16, "block_out_channels": [80, 128],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": [2, 1], "up_layers_per_block": [2, 0], "mid_block_type": "MobileMidBlock2D", "mid_block_layers": 3,
    "skip_connections": "level", "self_attention": [False, False], "transformer_layers_per_block": 1,
    "separable_convolutions": [False, True], "attention_activation": "softmax", "attention_length_norm": False,
    "shared_key_value": True, "feed_forward_activation": "swiglu", "feed_forward_multiplier": 3, "attention_head_dim": 4,
    "cross_attention_dim": 160, "norm_num_groups": 16, "norm_eps": 1e-5, "act_fn": "silu", "use_linear_projection": True,
    "flip_sin_to_cos": True, "freq_shift": 0, "time_embedding_dim": 192, "time_cond_proj_dim": None, "downsample_padding": 1,
    "center_input_sample": False,
}


def sinusoid(value: Tensor, width: int, flip: bool = True, shift: float = 0.0) -> Tensor:
    """Sinusoidal embedding [n, width] in float32; `flip` puts the cosines first."""
    frequency = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=value.device) / (width // 2 - shift))
    angle = value.float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()] if flip else [angle.sin(), angle.cos()], -1)


class TimeEmbedding(nn.Module):
    def __init__(self, inputs: int, width: int, condition: int | None):
        super().__init__()
        self.cond_proj = nn.Linear(condition, inputs, bias=False) if condition else None
        self.linear_1, self.linear_2 = nn.Linear(inputs, width), nn.Linear(width, width)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        if condition is not None and self.cond_proj is not None:
            x = x + self.cond_proj(condition)
        return self.linear_2(F.silu(self.linear_1(x)))


class UNet(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = c = {**DEFAULTS, **config}
        channels = c["block_out_channels"]
        levels, last = len(channels), len(channels) - 1
        each = lambda key: c[key] if isinstance(c[key], (list, tuple)) else [c[key]] * levels
        layers, heads, depth = each("layers_per_block"), each("attention_head_dim"), each("transformer_layers_per_block")
        separable, attends = each("separable_convolutions"), each("self_attention")
        up_layers = c["up_layers_per_block"] or [n + 1 for n in reversed(layers)]
        self.by_layer = c["skip_connections"] == "layer"
        time = c["time_embedding_dim"] or 4 * channels[0]

        def resnet(level: int, inputs: int) -> Resnet:
            return Resnet(inputs, channels[level], time, c["norm_num_groups"], c["norm_eps"], separable[level])

        def transformer(level: int, self_attention: bool) -> Transformer:
            return Transformer(channels[level], heads[level], depth[level], self_attention, c)

        self.conv_in = nn.Conv2d(c["in_channels"], channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], time, c["time_cond_proj_dim"])

        running, skips, down = channels[0], [channels[0]] if self.by_layer else [], []
        for level, (kind, count) in enumerate(zip(c["down_block_types"], layers)):
            resnets = [resnet(level, running if i == 0 else channels[level]) for i in range(count)]
            attentions = [transformer(level, attends[level]) for _ in range(count)] if "CrossAttn" in kind else []
            running = channels[level]
            sampler = Downsample(running, separable[level]) if level < last else None
            skips += [running] * (count + (level < last)) if self.by_layer else [running]
            down.append(Stack(resnets, attentions, sampler, "downsamplers"))
        self.down_blocks = nn.ModuleList(down)

        mobile = c["mid_block_type"] == "MobileMidBlock2D"
        count = c["mid_block_layers"]
        mid = [resnet(last, running) for _ in range(count if mobile else count + 1)]
        self.mid_block = Stack(mid, [transformer(last, True) for _ in range(count)], None) if c["mid_block_type"] else None

        up = []
        for block, (kind, count) in enumerate(zip(c["up_block_types"], up_layers)):
            level, resnets = last - block, []
            if not self.by_layer:
                running += skips.pop()
            for _ in range(count):
                resnets.append(resnet(level, running + (skips.pop() if self.by_layer else 0)))
                running = channels[level]
            attentions = [transformer(level, attends[level]) for _ in range(count)] if "CrossAttn" in kind else []
            sampler = Upsample(running, separable[level]) if level > 0 else None
            up.append(Stack(resnets, attentions, sampler, "upsamplers"))
        self.up_blocks = nn.ModuleList(up)
        self.conv_norm_out = nn.GroupNorm(c["norm_num_groups"], running, c["norm_eps"])
        self.conv_out = nn.Conv2d(running, c["out_channels"], 3, padding=1)

    def forward(
        self, sample: Tensor, timestep: Tensor, context: Tensor, condition: Tensor | None = None, features: bool = False,
        control: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """sample [n, c, h, w], timestep [n], context [n, tokens, dim], condition [n, time_cond_proj_dim] to [n, c, h, w].

        With `features` it also gives the mid block's output, for auxiliary losses. `control` is added at the end of each
        level of the encoder, one tensor a level.
        """
        c = self.config
        timestep = timestep.to(sample.device).expand(len(sample))
        time = self.time_embedding(sinusoid(timestep, c["block_out_channels"][0], c["flip_sin_to_cos"], c["freq_shift"]), condition)
        x = self.conv_in(sample)
        skips = [x] if self.by_layer else []
        for level, block in enumerate(self.down_blocks):
            for i in range(len(block.resnets)):
                x = block.layer(i, x, time, context)
                if control is not None and i == len(block.resnets) - 1:
                    x = x + control[level]
                if self.by_layer:
                    skips.append(x)
            if not self.by_layer:
                skips.append(x)
            if block.sampler_name:
                x = block.sample(x)
                if self.by_layer:
                    skips.append(x)
        if self.mid_block is not None:
            for i in range(len(self.mid_block.resnets)):
                x = self.mid_block.layer(i, x, time, context)
        middle = x
        for block in self.up_blocks:
            if not self.by_layer:
                x = torch.cat([x, skips.pop()], 1)
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], 1) if self.by_layer else x, time, context)
            x = block.sample(x, skips[-1].shape[2:] if skips else None)
        out = self.conv_out(F.silu(self.conv_norm_out(x)))
        return (out, middle) if features else out


def load(folder: str | Path) -> UNet:
    """The UNet of a diffusers folder (config.json, diffusion_pytorch_model.safetensors), in float32."""
    folder = Path(folder)
    net = UNet(json.loads((folder / "config.json").read_text()))
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    net.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return net.eval()
