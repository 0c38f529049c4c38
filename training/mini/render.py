"""Scenes to pictures: vectorised over a batch, anti-aliased by distance, on CPU or GPU."""

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from .shapes import KINDS as DRAW
from .shapes import length, union
from .world import BACKGROUNDS, COLOUR_NAMES, COLOURS, KINDS, SIZE, Scene, extent


def rgb(code: str) -> Tensor:
    return torch.tensor([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])


INK, PAPER = rgb("#232946"), rgb("#FFF9EC")
FIXED = {"ink": INK, "paper": PAPER, "wood": rgb("#94643F"), "glass": rgb("#CDEBFA"), "leaf": rgb("#3F8F52")}
PALETTE = torch.stack([rgb(COLOURS[name]) for name in COLOUR_NAMES])
PAINTS = {
    "main": PALETTE,
    "light": 0.55 * PALETTE + 0.45,
    "dark": 0.74 * PALETTE + 0.05 * INK,
    "outline": 0.26 * PALETTE + 0.5 * INK,
} | {name: colour.expand(len(COLOURS), 3) for name, colour in FIXED.items()}
PLAIN = {"cream": ("#FDF6E3", "#F8ECCF"), "mint": ("#DBF4E8", "#C2E8D7"), "lavender": ("#EBE4FA", "#D8CDF2")}
SKIES = {
    "day": (["#7CC8F2", "#D9F2FB"], "#A5DA84", "#7FC56B"),
    "sunset": (["#6C55A8", "#F07F8E", "#FFCB85"], "#7B4A78", "#5A3563"),
    "night": (["#141B40", "#3B4A8C"], "#25345E", "#1A2549"),
    "snow": (["#BFD3EC", "#EDF3FA"], "#E2EAF5", "#FFFFFF"),
    "sea": (["#A9DFF5", "#EEFAFC"], "", ""),
    "candy": (["#EBE4FA", "#D8CDF2"], "#F58FBA", "#F58FBA"),
}
PATCH = 32


def _ramp(y: Tensor, stops: Sequence[str]) -> Tensor:
    """Vertical gradient, y in [0, 1] of shape [n, h, w], to [n, 3, h, w]."""
    colours = torch.stack([rgb(c) for c in stops]).to(y.device)
    at = y.clamp(0, 1) * (len(stops) - 1)
    low = at.floor().clamp_max(len(stops) - 2).long()
    part = (at - low).unsqueeze(-1)
    return ((1 - part) * colours[low] + part * colours[low + 1]).movedim(-1, 1)


def _over(canvas: Tensor, cover: Tensor, colour: Tensor) -> Tensor:
    """Paints colour [n, 3] or [3] over the canvas [n, 3, h, w] where cover [n, h, w] says."""
    return torch.lerp(canvas, colour.to(canvas).view(-1, 3, 1, 1).expand_as(canvas), cover.unsqueeze(1))


def _dots(x: Tensor, y: Tensor, detail: Tensor, count: int, low: float, high: float) -> Tensor:
    """Coverage of `count` small discs at places drawn from `detail`."""
    cover = torch.zeros(len(detail), *x.shape[-2:], device=x.device)
    spots = detail[:, 8 : 8 + 3 * count].reshape(len(detail), count, 3, 1, 1)
    for cx, cy, r in (spot.unbind(1) for spot in spots.unbind(1)):
        cover = torch.maximum(cover, (low + (high - low) * r + 0.5 - length(x - cx * SIZE, y - cy * SIZE)).clamp(0, 1))
    return cover


def _background(name: str, detail: Tensor) -> Tensor:
    """Pictures [n, 3, size, size] of one background; detail [n, k] is uniform noise that sets hills, waves and dots."""
    axis = torch.arange(SIZE, device=detail.device) + 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    n = len(detail)
    full = (y / SIZE).expand(n, -1, -1)
    if name in PLAIN:
        return _ramp(full, PLAIN[name])
    a, b, c, d, e, f = detail[:, :6].reshape(n, 6, 1, 1).unbind(1)
    stops, far, near = SKIES[name]
    if name == "sea":
        horizon = (0.36 + 0.12 * a) * SIZE
        canvas = _ramp(y / horizon, stops)
        water = _ramp((y - horizon) / (SIZE - horizon), ["#58B7E2", "#2470B8"])
        canvas = torch.lerp(canvas, water, (y - horizon + 0.5).clamp(0, 1).unsqueeze(1))
        for i in range(1, 5):
            line = horizon + i * i * 4.4 + 3 * i + 1.6 * torch.sin(x * (0.16 + 0.05 * b) + 9 * c + 2.2 * i)
            canvas = _over(canvas, 0.35 * (1.3 - (y - line).abs()).clamp(0, 1), PAPER)
        return canvas
    canvas = _ramp(full * 1.25, stops)
    if name == "night":
        canvas = _over(canvas, _dots(x, y * 1.5, detail, 16, 0.4, 0.9), PAPER)
    for colour, base, phase, speed in ((far, 0.70 + 0.06 * a, b, c), (near, 0.80 + 0.06 * d, e, f)):
        ridge = SIZE * base + 6 * torch.sin(x * (0.03 + 0.02 * speed) + 6.28 * phase)
        canvas = _over(canvas, (y - ridge + 0.5).clamp(0, 1), rgb(colour))
    if name == "snow":
        canvas = _over(canvas, _dots(x, y, detail, 16, 0.8, 1.5), torch.ones(3))
    return canvas


def _draw(kind: str, x: Tensor, y: Tensor, scale: Tensor, colour: Tensor) -> tuple[Tensor, Tensor]:
    """Colour [n, 3, p, p] and coverage [n, p, p] of one kind; x and y are canonical, scale is pixels a unit."""
    parts = DRAW[kind](x, y)
    scale = scale.view(-1, 1, 1)
    paints = {name: table.to(x.device)[colour] for name, table in PAINTS.items()}
    canvas = paints["outline"].view(-1, 3, 1, 1).expand(-1, -1, *x.shape[1:])
    shade = (1 - 0.1 * y).unsqueeze(1)
    for distance, paint in parts:
        painted = paints[paint].view(-1, 3, 1, 1).expand_as(canvas)
        if paint == "main":
            painted = (painted * shade).clamp_max(1)
        canvas = torch.lerp(canvas, painted, (0.5 - distance * scale).clamp(0, 1).unsqueeze(1))
    stroke = (0.028 * scale).clamp_min(1.1)
    return canvas, (0.5 + stroke - union(*[d for d, _ in parts]) * scale).clamp(0, 1)


@torch.no_grad()
def render(scenes: Sequence[Scene], device: torch.device | str = "cpu", candy: bool = False) -> Tensor:
    """Pictures [n, 3, 128, 128] in [0, 1]; `candy` puts all of them over pink hills, the look of the style LoRA."""
    canvas = torch.empty(len(scenes), 3, SIZE, SIZE, device=device)
    by_background = defaultdict(list)
    for i, scene in enumerate(scenes):
        by_background["candy" if candy else BACKGROUNDS[scene.background]].append(i)
    for name, rows in by_background.items():
        noise = [torch.rand(64, generator=torch.Generator().manual_seed(scenes[i].seed)) for i in rows]
        canvas[rows] = _background(name, torch.stack(noise).to(device))

    groups = defaultdict(list)
    for i, scene in enumerate(scenes):
        for thing in scene.things:
            patch = PATCH * math.ceil((max(thing.width, thing.height) + 6) / PATCH)
            groups[thing.kind, patch].append((i, thing))
    for (kind, patch), members in groups.items():
        left, top, right, bottom = extent(kind)
        corner = torch.tensor([[round(t.x - patch / 2), round(t.y - patch / 2)] for _, t in members])
        at = torch.tensor([[t.x, t.y, t.width / (right - left)] for _, t in members], device=device)
        axis = torch.arange(patch, device=device) + 0.5
        x = corner[:, 0].to(device).view(-1, 1, 1) + axis.view(1, 1, -1) - at[:, 0].view(-1, 1, 1)
        y = corner[:, 1].to(device).view(-1, 1, 1) + axis.view(1, -1, 1) - at[:, 1].view(-1, 1, 1)
        scale = at[:, 2]
        x, y = torch.broadcast_tensors(x / scale.view(-1, 1, 1) + (left + right) / 2, y / scale.view(-1, 1, 1) + (top + bottom) / 2)
        colour = torch.tensor([t.colour for _, t in members], device=device)
        pictures, covers = _draw(KINDS[kind], x, y, scale, colour)
        for (i, _), (cx, cy), picture, cover in zip(members, corner.tolist(), pictures, covers):
            x0, y0, x1, y1 = max(cx, 0), max(cy, 0), min(cx + patch, SIZE), min(cy + patch, SIZE)
            inner = (slice(y0 - cy, y1 - cy), slice(x0 - cx, x1 - cx))
            area = canvas[i, :, y0:y1, x0:x1]
            area.lerp_(picture[(slice(None), *inner)], cover[inner])
    return canvas
