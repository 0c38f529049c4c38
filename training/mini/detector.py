"""The judge: a small net of convolutions and ReLU that finds things, after CenterNet ("Objects as Points", arXiv 1904.07850).

Input: pictures [n, 3, 128, 128] in [0, 1]. Output [n, 28, 16, 16], one cell for 8×8 pixels: 16 kind logits, 8 colour logits,
width / 64 and height / 64, and the centre's offset in its cell (x, y in [0, 1]). Blurred pictures count as empty in training.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .world import COLOUR_NAMES, KINDS, SIZE, Scene

CELL = 8
GRID = SIZE // CELL
LAYERS = ((16, 2), (32, 2), (48, 1), (64, 2), (96, 1), (96, 1), (96, 1), (96, 1))
OUTPUTS = len(KINDS) + len(COLOUR_NAMES) + 4
THRESHOLD = 0.3


class Detector(nn.Module):
    """Eight 3×3 convolutions with batch norm (folded on export) and ReLU, then a 1×1 convolution."""

    def __init__(self, normalise: bool = True):
        super().__init__()
        layers, inputs = [], 3
        for outputs, stride in LAYERS:
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=not normalise))
            layers.append(nn.BatchNorm2d(outputs) if normalise else nn.Identity())
            inputs = outputs
        self.layers = nn.ModuleList(layers)
        self.head = nn.Conv2d(inputs, OUTPUTS, 1)
        self.head.bias.data[: len(KINDS)] = -4.0

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures * 2 - 1
        for conv, norm in zip(self.layers[0::2], self.layers[1::2]):
            x = F.relu(norm(conv(x)))
        return self.head(x)

    def folded(self) -> dict[str, Tensor]:
        """Weights as layers.0 … layers.7 and head, with the batch norm folded in."""
        state = {"head.weight": self.head.weight, "head.bias": self.head.bias}
        for i, (conv, norm) in enumerate(zip(self.layers[0::2], self.layers[1::2])):
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            state[f"layers.{i}.weight"] = conv.weight * factor.view(-1, 1, 1, 1)
            state[f"layers.{i}.bias"] = norm.bias - norm.running_mean * factor
        return {k: v.detach() for k, v in state.items()}


def from_folded(state: dict[str, Tensor]) -> Detector:
    net = Detector(normalise=False)
    rename = lambda k: k if k.startswith("head") else f"layers.{2 * int(k.split('.')[1])}.{k.split('.')[2]}"
    net.load_state_dict({rename(k): v.float() for k, v in state.items()})
    return net.eval()


@dataclass(frozen=True)
class Found:
    """What the detector saw: as `world.Thing`, with a confidence."""

    kind: int
    colour: int
    x: float
    y: float
    width: float
    height: float
    confidence: float


def targets(scenes: list[Scene]) -> tuple[Tensor, Tensor]:
    """Heat [n, 16, 16, 16] (a Gaussian around each centre) and rows (picture, cell y, cell x, kind, colour, w, h, dx, dy)."""
    heat, rows = torch.zeros(len(scenes), len(KINDS), GRID, GRID), []
    axis = torch.arange(GRID).float()
    for i, scene in enumerate(scenes):
        for t in scene.things:
            u, v = t.x / CELL, t.y / CELL
            cx, cy = min(int(u), GRID - 1), min(int(v), GRID - 1)
            bump = torch.exp(-((axis[None] - cx) ** 2 + (axis[:, None] - cy) ** 2) / 1.5)
            heat[i, t.kind] = torch.maximum(heat[i, t.kind], bump)
            rows.append([i, cy, cx, t.kind, t.colour, t.width / 64, t.height / 64, u - cx, v - cy])
    return heat, torch.tensor(rows).view(-1, 9)


def loss(out: Tensor, heat: Tensor, rows: Tensor, empty: Tensor) -> dict[str, Tensor]:
    """CenterNet's focal loss, cross-entropy of the colour and L1 of the box; pictures where `empty` hold nothing."""
    out, kinds = out.float(), len(KINDS)
    heat = heat * (~empty).view(-1, 1, 1, 1)
    rows = rows[~empty[rows[:, 0].long()]]
    p = out[:, :kinds].sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat == 1
    focal = torch.where(hit, (1 - p) ** 2 * p.log(), (1 - heat) ** 4 * p**2 * (1 - p).log())
    n, cy, cx, _, colour = rows[:, :5].long().unbind(1)
    cell = out[n, :, cy, cx]
    tint = F.cross_entropy(cell[:, kinds:-4], colour)
    box = (cell[:, -4:] - rows[:, 5:]).abs().mean()
    heat_loss = -focal.sum() / max(len(rows), 1)
    return {"loss": heat_loss + 0.5 * tint + box, "heat": heat_loss, "colour": tint, "box": box}


@torch.no_grad()
def detect(net: Detector, pictures: Tensor, threshold: float = THRESHOLD) -> list[list[Found]]:
    """Things per picture: local maxima of the heat (3×3, per kind) at or above the threshold, the most certain first."""
    out = net(pictures).float().cpu()
    kinds = len(KINDS)
    heat = out[:, :kinds].sigmoid()
    peak = (heat == F.max_pool2d(heat, 3, 1, 1)) & (heat >= threshold)
    found: list[list[Found]] = [[] for _ in range(len(out))]
    for n, kind, cy, cx in peak.nonzero().tolist():
        cell = out[n, :, cy, cx]
        width, height, dx, dy = cell[-4:].tolist()
        colour = int(cell[kinds:-4].argmax())
        found[n].append(Found(kind, colour, (cx + dx) * CELL, (cy + dy) * CELL, 64 * width, 64 * height, float(heat[n, kind, cy, cx])))
    return [sorted(things, key=lambda t: -t.confidence) for things in found]
