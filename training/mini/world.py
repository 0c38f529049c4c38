"""The small world: kinds, colours, backgrounds and random scenes with labels, deterministic by seed."""

import math
import random
from dataclasses import dataclass
from functools import cache

import torch

from .shapes import KINDS as DRAW
from .shapes import union

SIZE = 128
KINDS = tuple(DRAW)
COLOURS = {
    "red": "#E4474C", "orange": "#F68A37", "yellow": "#FAD049", "green": "#45AB5A",
    "blue": "#3C78DC", "purple": "#8D58CC", "pink": "#F58FBA", "white": "#F8F6F0",
}
COLOUR_NAMES = tuple(COLOURS)
BACKGROUNDS = ("day", "sunset", "night", "sea", "snow", "cream", "mint", "lavender")
TAGS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
RELATIONS = ("left of", "right of", "above", "below")
MIN_SIZE = 28

# Pairs never rendered for training, one a kind and two a colour.
HELD_OUT = frozenset((kind, COLOUR_NAMES[(3 * i + 1 + i // 8) % 8]) for i, kind in enumerate(KINDS))

SKY = {"sun", "moon", "star", "bird", "balloon", "cloud"}
AFLOAT = {"boat", "fish"}


@dataclass(frozen=True)
class Thing:
    """One thing: index of its kind and colour, centre and box in pixels."""

    kind: int
    colour: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `seed` decides the details of the background."""

    seed: int
    background: int
    things: tuple[Thing, ...]


@cache
def extent(kind: int) -> tuple[float, float, float, float]:
    """Bounding box (left, top, right, bottom) of a kind in canonical units."""
    axis = torch.linspace(-1.2, 1.2, 481)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = union(*[d for d, _ in DRAW[KINDS[kind]](x, y)]) < 0
    xs, ys = x[inside], y[inside]
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def box_of(kind: int, size: float) -> tuple[float, float]:
    """Width and height in pixels of a kind whose longer side is `size`."""
    left, top, right, bottom = extent(kind)
    scale = size / max(right - left, bottom - top)
    return (right - left) * scale, (bottom - top) * scale


def relations(a: Thing, b: Thing) -> set[str]:
    """GenEval's position rule: which relations "a … b" hold."""
    dx, dy = a.x - b.x, a.y - b.y
    norm = math.hypot(dx, dy) or 1.0
    shrink = lambda d, w: math.copysign(max(abs(d) - 0.1 * w, 0), d) / norm
    dx, dy = shrink(dx, a.width + b.width), shrink(dy, a.height + b.height)
    found = {"left of": dx < -0.5, "right of": dx > 0.5, "above": dy < -0.5, "below": dy > 0.5}
    return {name for name, holds in found.items() if holds}


def allowed(kind: int, colour: int) -> bool:
    return (KINDS[kind], COLOUR_NAMES[colour]) not in HELD_OUT


def _colour(rng: random.Random, kind: int, held_out: bool) -> int:
    choices = [c for c in range(len(COLOURS)) if held_out or allowed(kind, c)]
    return rng.choice(choices)


def _height_range(kind: int, background: int, height: float, free: bool) -> tuple[float, float]:
    low, high = height / 2 + 3, SIZE - height / 2 - 3
    if free:
        return low, high
    name, ground = KINDS[kind], 0.62 * SIZE
    if name in SKY:
        return low, max(low, min(high, 0.6 * SIZE - height / 4))
    if name in AFLOAT and BACKGROUNDS[background] == "sea" or BACKGROUNDS[background] in ("day", "sunset", "night", "snow"):
        return max(low, min(high, ground)), high
    return low, high


def place(rng: random.Random, kinds: list[int], colours: list[int], background: int, relation: str | None = None) -> tuple[Thing, ...] | None:
    """Places the things without overlap, or gives None after too many tries."""
    count = len(kinds)
    low, high = {1: (46, 84), 2: (36, 58), 3: (30, 46), 4: (28, 42)}[count]
    free = relation is not None or count > 2 or rng.random() < 0.35
    for _ in range(60):
        things: list[Thing] = []
        common = rng.uniform(low, high)
        for kind, colour in zip(kinds, colours):
            size = max(MIN_SIZE, common * rng.uniform(0.88, 1.12))
            width, height = box_of(kind, size)
            top, bottom = _height_range(kind, background, height, free)
            x, y = rng.uniform(width / 2 + 3, SIZE - width / 2 - 3), rng.uniform(top, bottom)
            gap = all(abs(x - o.x) > (width + o.width) / 2 + 4 or abs(y - o.y) > (height + o.height) / 2 + 4 for o in things)
            if not gap:
                break
            things.append(Thing(kind, colour, x, y, width, height))
        if len(things) == count and (relation is None or relation in relations(things[0], things[1])):
            return tuple(things)
    return None


def sample_scene(seed: int, held_out: bool = False) -> Scene:
    """A random scene, its layout drawn uniformly over the six tags (and one extra: three kinds)."""
    rng = random.Random(seed)
    while True:
        background = rng.randrange(len(BACKGROUNDS))
        layout = rng.choice(("one", "one", "two", "two", "relation", "relation", "counting", "counting", "three"))
        relation = rng.choice(RELATIONS) if layout == "relation" else None
        if layout == "one":
            kinds = [rng.randrange(len(KINDS))]
        elif layout == "counting":
            kinds = [rng.randrange(len(KINDS))] * rng.randint(2, 4)
        else:
            kinds = rng.sample(range(len(KINDS)), 3 if layout == "three" else 2)
        colours = [_colour(rng, k, held_out) for k in kinds]
        if layout == "counting" and rng.random() < 0.7:
            colours = colours[:1] * len(kinds)
        things = place(rng, kinds, colours, background, relation)
        if things:
            return Scene(seed, background, things)
