"""Stage 0, the judge, fixed before any diffusion: python -m stages.detector [--calibrate]"""

import argparse
import json
import random
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from mini import detector, score
from mini.render import render
from mini.run import DEVICE, Run, autocast, cosine
from mini.world import COLOUR_NAMES, KINDS, sample_scene

FOLDER = Path(__file__).parent.parent / "detector"
FIRST = 20_000_000


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a standard deviation in pixels."""
    radius = max(1, round(3 * sigma))
    axis = torch.arange(-radius, radius + 1, device=pictures.device)
    kernel = torch.exp(-(axis**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    across = F.conv2d(F.pad(pictures, (radius, radius, 0, 0), "replicate"), kernel, groups=3)
    return F.conv2d(F.pad(across, (0, 0, radius, radius), "replicate"), kernel.mT, groups=3)


def augment(x: Tensor, rng: numpy.random.Generator) -> tuple[Tensor, Tensor]:
    """Mild changes that keep the labels, and heavy blur that empties a quarter of the pictures."""
    n = len(x)
    x = x * (1 + 0.1 * (torch.rand(n, 1, 1, 1) - 0.5)) + 0.06 * (torch.rand(n, 3, 1, 1) - 0.5)
    empty, third = n // 4, n // 3
    x[:empty] = blur(x[:empty], rng.uniform(1.9, 4))
    x[empty : empty + third] = blur(x[empty : empty + third], rng.uniform(0.3, 1.0))
    x[empty + third :: 2] += rng.uniform(0, 0.05) * torch.randn_like(x[empty + third :: 2])
    return x.clamp(0, 1), torch.arange(n) < empty


def train(steps: int, batch: int, count: int, rate: float) -> detector.Detector:
    net = detector.Detector().to(DEVICE)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3, fused=True)
    run = Run("detector", {"detector": net}, {"adam": optimizer})
    if run.count >= steps:
        return net.eval()
    cache = run.folder / "pictures.npy"
    scenes = [sample_scene(FIRST + i, held_out=True) for i in range(count)]
    if not cache.exists():
        out = numpy.lib.format.open_memmap(cache, "w+", numpy.uint8, (count, 3, 128, 128))
        for i in range(0, count, 256):
            out[i : i + 256] = (render(scenes[i : i + 256]) * 255).round().to(torch.uint8).numpy()
    pictures = numpy.load(cache, mmap_mode="r")
    while run.count < steps:
        rng = numpy.random.default_rng(run.count)
        rows = rng.integers(count, size=batch)
        x, empty = augment(torch.from_numpy(pictures[rows]).float() / 255, rng)
        heat, things = detector.targets([scenes[r] for r in rows])
        run.rate(cosine(run.count, steps, 100))
        with autocast():
            out = net(x.to(DEVICE))
        losses = detector.loss(out, heat.to(DEVICE), things.to(DEVICE), empty.to(DEVICE))
        run.descend(losses["loss"], 10.0)
        run.step(losses, 100)
    run.save()
    return net.eval()


def export(net: detector.Detector) -> None:
    FOLDER.mkdir(exist_ok=True)
    save_file({k: v.cpu().half().contiguous() for k, v in net.folded().items()}, FOLDER / "detector.safetensors")
    config = {"kinds": KINDS, "colours": COLOUR_NAMES, "layers": [{"channels": c, "stride": s} for c, s in detector.LAYERS],
              "cell": detector.CELL, "box_scale": 64, "threshold": detector.THRESHOLD}
    (FOLDER / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    score.write_prompts(FOLDER / "prompts.jsonl")


def load() -> detector.Detector:
    return detector.from_folded(load_file(FOLDER / "detector.safetensors")).to(DEVICE)


def judge(net: detector.Detector, pictures: Tensor, wanted: list[score.Request]) -> list[bool]:
    found = [things for part in pictures.split(128) for things in detector.detect(net, part)]
    return [score.shows(things, one) for things, one in zip(found, wanted)]


def by_tag(wanted: list[score.Request], right: list[bool]) -> dict[str, float]:
    groups: dict[str, list[bool]] = {}
    for one, ok in zip(wanted, right):
        groups.setdefault(one.tag + (" unseen" if one.unseen else ""), []).append(ok)
    return {tag: round(sum(v) / len(v), 4) for tag, v in groups.items()}


def calibrate(per_prompt: int = 2) -> dict[str, dict[str, float]]:
    """Scores of oracle renders, of shuffled prompts, of one attribute changed, and of renders blurred by 3 pixels."""
    net, wanted = load(), [r for r in score.requests() for _ in range(per_prompt)]
    rng = random.Random(0)
    oracle = render([score.scene_for(r, 30_000_000 + i) for i, r in enumerate(wanted)], DEVICE)
    other = render([score.scene_for(score.changed(r, rng), 40_000_000 + i) for i, r in enumerate(wanted)], DEVICE)
    shuffled: list[score.Request] = []
    for tag in dict.fromkeys((r.tag, r.unseen) for r in wanted):
        same = [r for r in wanted if (r.tag, r.unseen) == tag]
        shuffled += rng.sample(same, len(same))
    rows = {
        "oracle": (oracle, wanted), "shuffled prompts": (oracle, shuffled),
        "one attribute changed": (other, wanted), "blurred by 3 px": (blur(oracle, 3.0), wanted),
    }
    result = {name: by_tag(wanted, judge(net, pictures, asked)) for name, (pictures, asked) in rows.items()}
    (FOLDER / "calibration.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--calibrate", action="store_true")
    options = vars(parser.parse_args())
    if not options.pop("calibrate"):
        export(train(**options))
    for name, scores in calibrate().items():
        print(name, scores)
