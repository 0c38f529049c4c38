"""Stage 3a, scenes to latents once, in shards on disk: python -m stages.latents --shards 12

For the adapters: `--kind candy` (the style LoRA's look) and `--kind edged` (with the pictures' Canny edges), a shard each.
"""

import argparse
import json
import random

import cv2
import numpy
import torch

from mini import vae
from mini.captions import describe
from mini.render import render
from mini.run import DEVICE, HOME, autocast, load_ema
from mini.world import SIZE, Scene, sample_scene
from stages.text import tokens

SHARD, CAPTIONS, GRID = 8192, 4, 8
FOLDER = HOME / "latents"
FIRST = {"latents": 0, "candy": 20_000_000, "edged": 30_000_000}


def layout(scene: Scene) -> numpy.ndarray:
    """Per cell of an 8×8 grid, what covers its centre: kind + 1 and colour + 1, 0 for nothing; [2, 8, 8]."""
    cells = numpy.zeros((2, GRID, GRID), numpy.uint8)
    centre = (numpy.arange(GRID) + 0.5) * SIZE / GRID
    for t in scene.things:
        inside = (abs(centre - t.y) < t.height / 2)[:, None] & (abs(centre - t.x) < t.width / 2)
        cells[:, inside] = numpy.array([[t.kind + 1], [t.colour + 1]])
    return cells


@torch.no_grad()
def encode(model: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    """Posterior means of pictures in [0, 1], unscaled."""
    with autocast():
        return vae.moments(model, pictures * 2 - 1)[0]


def scaling_factor(model: torch.nn.Module) -> float:
    """1 / standard deviation of the latents of 512 scenes, measured once and kept."""
    path = HOME / "scaling_factor.json"
    if not path.exists():
        scenes = [sample_scene(i) for i in range(512)]
        values = torch.cat([encode(model, render(scenes[i : i + 64], DEVICE)) for i in range(0, 512, 64)])
        path.write_text(json.dumps(round(1 / float(values.std()), 5)))
    return json.loads(path.read_text())


def edges(pictures: torch.Tensor) -> numpy.ndarray:
    """OpenCV's Canny edges (100, 200) of pictures in [0, 1], as packed bits [n, h, w / 8]; the SDK's `cannyEdges` gives the same."""
    images = (pictures * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return numpy.packbits(numpy.stack([cv2.Canny(numpy.ascontiguousarray(image), 100, 200) > 0 for image in images]), axis=-1)


def main(kind: str, shards: int, first: int, step: int) -> None:
    folder = HOME / kind
    folder.mkdir(parents=True, exist_ok=True)
    model, words = load_ema("vae", "vae", vae.create()).to(DEVICE).eval(), tokens()
    factor = scaling_factor(model)
    for shard in range(first, shards, step):
        path = folder / f"{shard:04d}.npz"
        if path.exists():
            continue
        rng = random.Random(shard)
        scenes = [sample_scene(FIRST[kind] + shard * SHARD + i) for i in range(SHARD)]
        latents, lines = [], []
        for i in range(0, SHARD, 64):
            pictures = render(scenes[i : i + 64], DEVICE, candy=kind == "candy")
            latents.append((encode(model, pictures) * factor).half().cpu().numpy())
            if kind == "edged":
                lines.append(edges(pictures))
        extra = {"edges": numpy.concatenate(lines)} if lines else {}
        texts = [describe(scene, rng).text for scene in scenes for _ in range(CAPTIONS)]
        ids = numpy.array([e.ids for e in words.encode_batch(texts)], numpy.int16).reshape(SHARD, CAPTIONS, -1)
        with open(path.with_suffix(".tmp"), "wb") as out:
            numpy.savez(out, latents=numpy.concatenate(latents), ids=ids,
                        layouts=numpy.stack([layout(s) for s in scenes]),
                        backgrounds=numpy.array([s.background for s in scenes], numpy.uint8), **extra)
        path.with_suffix(".tmp").rename(path)
        print(path.name, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=FIRST, default="latents")
    parser.add_argument("--shards", type=int, default=36)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    main(**vars(parser.parse_args()))
