"""A pool of rendered pictures on disk, for the stages that see pixels: python -m mini.pool [count]"""

import sys

import numpy
import torch

from .render import render
from .run import DEVICE, HOME
from .world import SIZE, sample_scene

FIRST = 10_000_000  # seeds from here on belong to the pool; the diffusion's scenes start at 0


def path():
    return HOME / "pool.npy"


def load() -> numpy.ndarray:
    """Pictures [n, 3, 128, 128] as bytes; picture i shows `sample_scene(FIRST + i)`."""
    return numpy.load(path(), mmap_mode="r")


def main(count: int) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    out = numpy.lib.format.open_memmap(path(), "w+", numpy.uint8, (count, 3, SIZE, SIZE))
    for start in range(0, count, 256):
        scenes = [sample_scene(FIRST + i) for i in range(start, min(start + 256, count))]
        out[start : start + len(scenes)] = (render(scenes, DEVICE) * 255).round().to(torch.uint8).cpu().numpy()
    out.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
