"""Scores and picture sheets of what has been trained so far: python -m stages.evaluate base --steps 50 --guidance 3 --per-tag 20

Writes a sheet of 24 fixed prompts to HOME/sheets and prints the six tags as the detector sees them.
"""

import argparse
import time

import numpy
from PIL import Image
from torch import Tensor

from mini.generate import Regime, generate, network
from mini.model import Frozen
from mini.render import render
from mini.run import HOME
from mini.score import requests, scene_for
from stages import detector
from stages.latents import scaling_factor
from stages.text import tokens

PROMPTS = (
    "a red house under a yellow moon", "a blue cat", "three orange balloons on a sunny day", "a purple fish at sea",
    "a white bird above a green tree", "a pink heart", "a yellow sun over a red car", "two blue boats by the sea",
    "a green umbrella in the snow", "an orange mountain at sunset", "four yellow stars at night", "a white cloud and a purple balloon",
    "a red flower to the left of a blue house", "a pink cat on a mint background", "a yellow star to the right of a white moon", "a green car",
    "two red hearts", "a house, a tree and a car", "a white boat at midnight", "an orange fish below a pink umbrella",
    "a blue flower", "three birds", "a purple house in winter", "a yellow cat next to a red balloon",
)


def sheet(pictures: Tensor, columns: int, name: str) -> None:
    rows = len(pictures) // columns
    grid = pictures[: rows * columns].view(rows, columns, 3, *pictures.shape[2:]).permute(0, 3, 1, 4, 2)
    grid = (grid.reshape(rows * pictures.shape[2], -1, 3) * 255).round().byte().cpu().numpy()
    (HOME / "sheets").mkdir(exist_ok=True)
    Image.fromarray(grid).save(HOME / "sheets" / f"{name}.png")


def sharpness(pictures: Tensor) -> float:
    """Mean gradient energy."""
    return float(pictures.diff(dim=-1).square().mean() + pictures.diff(dim=-2).square().mean())


def interval(share: float, count: int) -> float:
    """Half width of the 95 % interval."""
    return 1.96 * (max(share * (1 - share), 1e-9) / count) ** 0.5


def main(which: str, steps: int, guidance: float, per_tag: int, seeds: int) -> None:
    frozen, regime = Frozen(tokens(), scaling_factor(None)), Regime(which, steps, guidance)
    net = network(which)
    name = f"{which}_{steps}_{guidance:g}"
    sheet(generate(frozen, net, regime, list(PROMPTS), [7] * len(PROMPTS)), 6, name)
    if not per_tag:
        return
    wanted = [r for r in requests(80) for _ in range(seeds)]
    groups: dict[tuple, list] = {}
    for r in wanted:
        groups.setdefault((r.tag, r.unseen), []).append(r)
    wanted = [r for group in groups.values() for r in group[: per_tag * seeds]]
    began = time.time()
    pictures = generate(frozen, net, regime, [r.prompt for r in wanted], list(range(len(wanted))))
    milliseconds = 1000 * (time.time() - began) / len(wanted)
    oracle = render([scene_for(r, i) for i, r in enumerate(wanted[:128])])
    scores = detector.by_tag(wanted, detector.judge(detector.load(), pictures, wanted))
    mean = float(numpy.mean([v for k, v in scores.items() if "unseen" not in k]))
    print(name, scores, f"mean {mean:.3f} ± {interval(mean, 6 * per_tag * seeds):.3f}",
          f"sharpness {sharpness(pictures[:128]) / sharpness(oracle):.2f} of the oracle's, {milliseconds:.0f} ms an image")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("which", choices=("base", "relu", "progressive", "ufogen"))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--per-tag", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    main(**vars(parser.parse_args()))
