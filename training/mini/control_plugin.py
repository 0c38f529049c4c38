"""The control plugin, in PyTorch: `models/control_plugin.ts` says what it is."""

from torch import Tensor, nn
from torch.nn import functional as F

EDGES = {
    "_class_name": "ControlPlugin", "conditioning_channels": 1, "channels": [80, 128], "layers_per_block": 2, "expansion": 2, "downscale_factor": 8,
}


class Block(nn.Module):
    def __init__(self, channels: int, expansion: int):
        super().__init__()
        inner = expansion * channels
        self.expand = nn.Conv2d(channels, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.project = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(F.silu(self.depthwise(F.silu(self.expand(x)))))


class Level(nn.Module):
    def __init__(self, inputs: int | None, channels: int, layers: int, expansion: int):
        super().__init__()
        self.conv_in = None if inputs is None else nn.Conv2d(inputs, channels, 1)
        self.blocks = nn.ModuleList(Block(channels, expansion) for _ in range(layers))
        self.conv_out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features for the next level, and the residual of this one."""
        if self.conv_in is not None:
            x = self.conv_in(F.avg_pool2d(x, 2, ceil_mode=True))
        for block in self.blocks:
            x = block(x)
        return x, self.conv_out(x)


class ControlPlugin(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        channels, self.factor = config["channels"], config["downscale_factor"]
        self.conv_in = nn.Conv2d(config["conditioning_channels"] * self.factor**2, channels[0], 3, padding=1)
        widths = zip([None, *channels], channels)
        self.levels = nn.ModuleList(Level(a, b, config["layers_per_block"], config["expansion"]) for a, b in widths)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Pixels [n, c, h, w] in 0 … 1 to the residuals of the UNet's levels."""
        x, residuals = self.conv_in(F.pixel_unshuffle(pixels, self.factor)), []
        for level in self.levels:
            x, residual = level(x)
            residuals.append(residual)
        return residuals
