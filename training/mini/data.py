"""Batches of cached latents with captions, in an order that depends on the step alone, so that a run can be resumed."""

from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor

from .world import BACKGROUNDS

OFTEN = {"sunset": 2.0, "night": 2.0}  # backgrounds that the diffusion sees more often, since it draws them less well


@dataclass(frozen=True)
class Batch:
    """latents [n, 8, 16, 16], ids [n, 32], layout [n, 2, 8, 8] (kind + 1 and colour + 1, 0 for nothing), edges [n, 1, 128, 128] in {0, 1} or None."""

    latents: Tensor
    ids: Tensor
    layout: Tensor
    edges: Tensor | None


class Latents:
    """All shards of a folder in memory. Shards that appear later are found by `refresh`."""

    def __init__(self, folder: Path):
        self.folder, self.shards, self.names = folder, [], []
        self.refresh()

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("*.npz")):
            if path.name not in self.names:
                self.shards.append(dict(numpy.load(path)))
                self.names.append(path.name)
        weights = numpy.array([OFTEN.get(name, 1.0) for name in BACKGROUNDS])
        chances = [weights[shard["backgrounds"]] for shard in self.shards]
        self.cumulated = numpy.cumsum(numpy.concatenate(chances)) if chances else numpy.zeros(0)

    def __len__(self) -> int:
        return sum(len(s["latents"]) for s in self.shards)

    def batch(self, step: int, size: int, device: torch.device) -> Batch:
        rng = numpy.random.default_rng(step)
        each = len(self.shards[0]["latents"])
        rows = numpy.searchsorted(self.cumulated, rng.random(size) * self.cumulated[-1], side="right")
        which = rng.integers(self.shards[0]["ids"].shape[1], size=size)
        pick = lambda key: numpy.stack([self.shards[r // each][key][r % each] for r in rows])
        ids = numpy.stack([self.shards[r // each]["ids"][r % each, w] for r, w in zip(rows, which)])
        put = lambda array, dtype: torch.from_numpy(array).to(device, dtype)
        edges = put(numpy.unpackbits(pick("edges"), axis=-1)[:, None], torch.float32) if "edges" in self.shards[0] else None
        return Batch(put(pick("latents"), torch.float32), put(ids, torch.long), put(pick("layouts"), torch.long), edges)
