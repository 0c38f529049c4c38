"""Stage 1, the autoencoder on crops, then whole pictures: python -m stages.vae"""

import argparse

import numpy
import torch

from mini import muon, pool, vae
from mini.run import DEVICE, Run, autocast, cosine


def main(steps: int, batch: int, rate: float, whole_from: int, crop: int = 64) -> None:
    model = vae.create().to(DEVICE)
    run = Run("vae", {"vae": model}, muon.optimizers([model], rate), ema=0.998)
    pictures = pool.load()
    while run.count < steps:
        rng = numpy.random.default_rng([run.count, 0])
        size, count = (128, batch // 3) if run.count >= whole_from else (crop, batch)
        rows, tops, lefts = rng.integers(len(pictures), size=count), *rng.integers(129 - size, size=(2, count))
        crops = [pictures[r, :, t : t + size, l : l + size] for r, t, l in zip(rows, tops, lefts)]
        x = torch.from_numpy(numpy.stack(crops)).to(DEVICE).float() / 127.5 - 1
        run.rate(cosine(run.count, steps, 200, 0.02))
        with autocast():
            losses = vae.loss(model, x)
        run.descend(losses["loss"])
        run.step(losses, 100)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=4600)
    parser.add_argument("--whole-from", type=int, default=2900, help="step from which whole pictures take the place of crops")
    parser.add_argument("--batch", type=int, default=32, help="crops; a third of it in whole pictures")
    parser.add_argument("--rate", type=float, default=2e-3)
    main(**vars(parser.parse_args()))
