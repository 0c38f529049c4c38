"""Flat-illustration things as layered signed distance functions (after Inigo Quilez, "2D distance functions").

A kind is a function of canonical coordinates x (right) and y (down), both in [-1, 1], that returns its parts in painting
order: (signed distance in canonical units, paint). Paints "main", "light" and "dark" follow the thing's own colour.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Part = tuple[Tensor, str]


def length(x: Tensor, y: Tensor) -> Tensor:
    return torch.sqrt(x * x + y * y + 1e-12)


def circle(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> Tensor:
    return length(x - cx, y - cy) - r


def ellipse(x: Tensor, y: Tensor, cx: float, cy: float, rx: float, ry: float) -> Tensor:
    px, py = (x - cx) / rx, (y - cy) / ry
    k = length(px, py)
    return k * (k - 1) / length(px / rx, py / ry)


def box(x: Tensor, y: Tensor, cx: float, cy: float, hx: float, hy: float, r: float = 0.0) -> Tensor:
    qx, qy = (x - cx).abs() - (hx - r), (y - cy).abs() - (hy - r)
    return length(qx.relu(), qy.relu()) + torch.maximum(qx, qy).clamp_max(0) - r


def segment(x: Tensor, y: Tensor, ax: float, ay: float, bx: float, by: float, r: float) -> Tensor:
    px, py, dx, dy = x - ax, y - ay, bx - ax, by - ay
    t = ((px * dx + py * dy) / (dx * dx + dy * dy)).clamp(0, 1)
    return length(px - dx * t, py - dy * t) - r


def polygon(x: Tensor, y: Tensor, points: list[tuple[float, float]], r: float = 0.0) -> Tensor:
    distance, sign = torch.full_like(x, 1e9), torch.ones_like(x)
    for (ax, ay), (bx, by) in zip(points, points[-1:] + points[:-1]):
        ex, ey, wx, wy = bx - ax, by - ay, x - ax, y - ay
        t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        qx, qy = wx - ex * t, wy - ey * t
        distance = torch.minimum(distance, qx * qx + qy * qy)
        above, below, side = y >= ay, y < by, ex * wy > ey * wx
        flip = (above & below & side) | ~(above | below | side)
        sign = torch.where(flip, -sign, sign)
    return sign * distance.sqrt() - r


def union(*distances: Tensor) -> Tensor:
    result = distances[0]
    for distance in distances[1:]:
        result = torch.minimum(result, distance)
    return result


def minus(a: Tensor, b: Tensor) -> Tensor:
    return torch.maximum(a, -b)


def ring(count: int, radius: float, cx: float = 0.0, cy: float = 0.0) -> list[tuple[float, float]]:
    angles = [2 * math.pi * i / count - math.pi / 2 for i in range(count)]
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]


def eye(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> list[Part]:
    return [(circle(x, y, cx, cy, r), "paper"), (circle(x, y, cx, cy, 0.6 * r), "ink")]


def house(x: Tensor, y: Tensor) -> list[Part]:
    return [
        (box(x, y, 0.45, -0.58, 0.13, 0.3), "dark"),
        (box(x, y, 0, 0.4, 0.68, 0.5), "main"),
        (polygon(x, y, [(-0.86, -0.06), (0, -0.84), (0.86, -0.06)], 0.06), "dark"),
        (box(x, y, 0, 0.6, 0.16, 0.3, 0.06), "wood"),
        (union(box(x, y, -0.42, 0.36, 0.13, 0.15), box(x, y, 0.42, 0.36, 0.13, 0.15)), "glass"),
    ]


def tree(x: Tensor, y: Tensor) -> list[Part]:
    crown = union(circle(x, y, 0, -0.42, 0.5), circle(x, y, -0.34, 0.06, 0.42), circle(x, y, 0.34, 0.06, 0.42))
    return [
        (box(x, y, 0, 0.6, 0.13, 0.35, 0.05), "wood"),
        (crown, "main"),
        (union(circle(x, y, -0.14, -0.56, 0.17), circle(x, y, -0.4, -0.02, 0.13)), "light"),
        (union(circle(x, y, 0.24, 0.12, 0.1), circle(x, y, 0.16, -0.3, 0.09)), "dark"),
    ]


def boat(x: Tensor, y: Tensor) -> list[Part]:
    hull = polygon(x, y, [(-0.88, 0.38), (0.88, 0.38), (0.56, 0.82), (-0.56, 0.82)], 0.06)
    return [
        (segment(x, y, 0, 0.4, 0, -0.86, 0.06), "wood"),
        (polygon(x, y, [(0.14, -0.82), (0.14, 0.2), (0.78, 0.2)], 0.03), "light"),
        (polygon(x, y, [(-0.14, -0.5), (-0.14, 0.2), (-0.62, 0.2)], 0.03), "light"),
        (hull, "main"),
        (torch.maximum(hull, 0.62 - y), "dark"),
    ]


def car(x: Tensor, y: Tensor) -> list[Part]:
    cabin = polygon(x, y, [(-0.52, 0), (-0.34, -0.46), (0.26, -0.46), (0.54, 0)], 0.07)
    panes = polygon(x, y, [(-0.4, -0.03), (-0.27, -0.38), (0.2, -0.38), (0.4, -0.03)], 0.02)
    wheels = [circle(x, y, cx, 0.42, 0.24) for cx in (-0.5, 0.5)]
    hubs = [circle(x, y, cx, 0.42, 0.1) for cx in (-0.5, 0.5)]
    return [
        (cabin, "main"),
        (minus(panes, box(x, y, -0.02, -0.2, 0.05, 0.3)), "glass"),
        (box(x, y, 0, 0.2, 0.95, 0.25, 0.16), "main"),
        (box(x, y, 0, 0.36, 0.94, 0.06, 0.06), "dark"),
        (union(*wheels), "ink"),
        (union(*hubs), "paper"),
        (ellipse(x, y, 0.84, 0.14, 0.08, 0.09), "glass"),
    ]


def sun(x: Tensor, y: Tensor) -> list[Part]:
    rays = [segment(x, y, 0.74 * px, 0.74 * py, 0.9 * px, 0.9 * py, 0.08) for px, py in ring(10, 1)]
    return [
        (union(*rays), "main"),
        (circle(x, y, 0, 0, 0.56), "main"),
        (circle(x, y, -0.12, -0.14, 0.3), "light"),
    ]


def moon(x: Tensor, y: Tensor) -> list[Part]:
    crescent = minus(circle(x, y, 0, 0, 0.92), circle(x, y, 0.44, -0.16, 0.72))
    return [
        (crescent, "main"),
        (union(circle(x, y, -0.58, 0.16, 0.11), circle(x, y, -0.2, 0.66, 0.1), circle(x, y, -0.56, -0.28, 0.08)), "dark"),
    ]


def star(x: Tensor, y: Tensor) -> list[Part]:
    def points(outer: float, inner: float) -> list[tuple[float, float]]:
        tips, notches = ring(5, outer, 0, 0.06), ring(10, inner, 0, 0.06)[1::2]
        return [p for pair in zip(tips, notches) for p in pair]

    return [(polygon(x, y, points(0.88, 0.44), 0.08), "main"), (polygon(x, y, points(0.46, 0.24), 0.03), "light")]


def flower(x: Tensor, y: Tensor) -> list[Part]:
    petals = [circle(x, y, px, py, 0.24) for px, py in ring(6, 0.38, 0, -0.34)]
    return [
        (segment(x, y, 0, 0, 0, 0.9, 0.06), "leaf"),
        (union(ellipse(x, y, 0.26, 0.6, 0.24, 0.12), ellipse(x, y, -0.26, 0.72, 0.24, 0.12)), "leaf"),
        (union(*petals), "main"),
        (circle(x, y, 0, -0.34, 0.22), "dark"),
        (circle(x, y, 0, -0.34, 0.15), "paper"),
    ]


def fish(x: Tensor, y: Tensor) -> list[Part]:
    body = ellipse(x, y, -0.2, 0, 0.74, 0.46)
    return [
        (polygon(x, y, [(0.4, 0), (0.88, -0.4), (0.76, 0), (0.88, 0.4)], 0.06), "dark"),
        (polygon(x, y, [(-0.3, -0.4), (0.1, -0.58), (0.2, -0.34)], 0.05), "dark"),
        (body, "main"),
        (torch.maximum(body, (x - 0.06).abs() - 0.08), "light"),
        (torch.maximum(body, (x - 0.34).abs() - 0.06), "light"),
        *eye(x, y, -0.58, -0.1, 0.12),
    ]


def bird(x: Tensor, y: Tensor) -> list[Part]:
    return [
        (polygon(x, y, [(0.4, 0.1), (0.9, -0.18), (0.92, 0.12), (0.5, 0.4)], 0.04), "dark"),
        (union(segment(x, y, -0.1, 0.5, -0.1, 0.84, 0.045), segment(x, y, 0.14, 0.5, 0.14, 0.84, 0.045)), "wood"),
        (polygon(x, y, [(-0.7, -0.44), (-0.94, -0.26), (-0.66, -0.18)], 0.04), "wood"),
        (union(ellipse(x, y, 0.04, 0.16, 0.6, 0.44), circle(x, y, -0.42, -0.34, 0.36)), "main"),
        (ellipse(x, y, -0.2, 0.3, 0.3, 0.24), "light"),
        (ellipse(x, y, 0.22, 0.08, 0.36, 0.22), "dark"),
        *eye(x, y, -0.5, -0.4, 0.11),
    ]


def cat(x: Tensor, y: Tensor) -> list[Part]:
    mx = x.abs()
    return [
        (polygon(mx, y, [(0.2, -0.5), (0.7, -0.86), (0.78, -0.1)], 0.07), "main"),
        (polygon(mx, y, [(0.42, -0.48), (0.64, -0.66), (0.68, -0.3)], 0.02), "dark"),
        (ellipse(x, y, 0, 0.16, 0.88, 0.66), "main"),
        (ellipse(x, y, 0, 0.42, 0.4, 0.28), "light"),
        (ellipse(mx, y, 0.4, 0.06, 0.13, 0.17), "ink"),
        (circle(mx, y, 0.36, 0.0, 0.05), "paper"),
        (polygon(x, y, [(-0.09, 0.29), (0.09, 0.29), (0, 0.39)], 0.03), "ink"),
        (segment(mx, y, 0.0, 0.44, 0.13, 0.54, 0.03), "ink"),
    ]


def balloon(x: Tensor, y: Tensor) -> list[Part]:
    return [
        (segment(x + 0.06 * torch.sin(9 * y), y, 0, 0.4, 0, 0.94, 0.03), "ink"),
        (polygon(x, y, [(0, 0.34), (-0.13, 0.56), (0.13, 0.56)], 0.03), "dark"),
        (ellipse(x, y, 0, -0.26, 0.6, 0.7), "main"),
        (ellipse(x, y, -0.24, -0.52, 0.12, 0.2), "light"),
    ]


def mountain(x: Tensor, y: Tensor) -> list[Part]:
    left = polygon(x, y, [(-0.9, 0.7), (-0.26, -0.72), (0.46, 0.7)], 0.06)
    right = polygon(x, y, [(-0.1, 0.7), (0.42, -0.2), (0.9, 0.7)], 0.06)
    snow = -0.26 + 0.12 * (1 - (((x + 0.26) * 3.2) % 1 - 0.5).abs() * 4) - y
    return [(right, "dark"), (left, "main"), (minus(left, snow), "paper")]


def cloud(x: Tensor, y: Tensor) -> list[Part]:
    puffs = union(
        circle(x, y, -0.5, 0.1, 0.36), circle(x, y, -0.08, -0.2, 0.46), circle(x, y, 0.46, 0.04, 0.4),
        box(x, y, 0, 0.3, 0.92, 0.26, 0.26),
    )
    return [(puffs, "main"), (union(circle(x, y, -0.14, -0.28, 0.24), circle(x, y, 0.42, -0.02, 0.18)), "light")]


def heart(x: Tensor, y: Tensor) -> list[Part]:
    mx = x.abs()
    lobes = union(circle(mx, y, 0.44, -0.32, 0.48), polygon(x, y, [(-0.8, -0.03), (0, -0.6), (0.8, -0.03), (0, 0.88)], 0.02))
    return [(lobes, "main"), (ellipse(x, y, -0.5, -0.42, 0.16, 0.13), "light")]


def umbrella(x: Tensor, y: Tensor) -> list[Part]:
    dome = torch.maximum(ellipse(x, y, 0, 0.04, 0.92, 0.84), y - 0.04)
    scallops = union(*[ellipse(x, y, cx, 0.08, 0.23, 0.17) for cx in (-0.69, -0.23, 0.23, 0.69)])
    canopy = minus(dome, scallops)
    stripes = (ellipse(x, y, 0, 0.04, 0.46, 0.84).abs() - 0.03)
    hook = torch.maximum(circle(x, y, 0.15, 0.72, 0.15).abs() - 0.05, 0.72 - y)
    return [
        (union(segment(x, y, 0, -0.84, 0, 0.72, 0.05), hook), "wood"),
        (canopy, "main"),
        (torch.maximum(canopy, ellipse(x, y, 0, 0.04, 0.46, 0.84)), "light"),
        (torch.maximum(canopy, stripes), "dark"),
    ]


KINDS: dict[str, Callable[[Tensor, Tensor], list[Part]]] = {
    f.__name__: f
    for f in (house, tree, boat, car, sun, moon, star, flower, fish, bird, cat, balloon, mountain, cloud, heart, umbrella)
}
