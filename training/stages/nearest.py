"""The nearest training scenes to generated pictures: python -m stages.nearest ../docs/mini.png --row 1 --out ../docs/nearest.png

Nearness is the root mean square between latents. Writes the pictures with the nearest training scene below each, and prints the
distances beside those of eight new renders: a model that copies is far nearer to its training scenes than new scenes are.
"""

import argparse
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor

from mini.data import Latents
from mini.model import autoencoder
from mini.render import render
from mini.run import DEVICE
from mini.world import SIZE, sample_scene
from stages.latents import FOLDER, SHARD, encode, scaling_factor
from stages.scenes import save


def tiles(path: Path, row: int, gap: int = 4) -> Tensor:
    """One row of a sheet, [n, 3, 128, 128]."""
    pixels = torch.from_numpy(numpy.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255
    top = row * (SIZE + gap)
    starts = range(0, pixels.shape[2], SIZE + gap)
    return torch.stack([pixels[:, top : top + SIZE, left : left + SIZE] for left in starts])


def nearest(pictures: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Distances and indices."""
    own = encode(autoencoder(), pictures.to(DEVICE)).flatten(1).float() * scaling_factor(None)
    distances = torch.cdist(own, latents.flatten(1)) / latents[0].numel() ** 0.5
    return distances.min(1)


@torch.no_grad()
def main(sheet: Path, row: int, out: Path) -> None:
    data = Latents(FOLDER)
    latents = torch.from_numpy(numpy.concatenate([s["latents"] for s in data.shards])).float()
    pictures = tiles(sheet, row)
    distance, index = nearest(pictures, latents)
    new, _ = nearest(render([sample_scene(50_000_000 + i) for i in range(8)]), latents)
    print("pictures", [round(float(d), 3) for d in distance], "new renders", [round(float(d), 3) for d in new])
    scene = lambda i: sample_scene(int(data.names[i // SHARD][:4]) * SHARD + i % SHARD)
    save(out, torch.cat([pictures, render([scene(int(i)) for i in index])]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--row", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("nearest.png"))
    main(**vars(parser.parse_args()))
