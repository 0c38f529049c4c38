"""Stage 2, tokenizer and text encoder, pretrained to say what captions say: python -m stages.text"""

import argparse
import random

import torch

from mini import muon, text_encoder, tokenizer
from mini.captions import describe
from mini.run import DEVICE, HOME, Run, autocast, cosine
from mini.world import sample_scene

FIRST = 50_000_000


def tokens():
    """This model's tokenizer, trained at first use."""
    folder = HOME / "tokenizer"
    if not folder.exists():
        tokenizer.save(tokenizer.train(), folder)
    return tokenizer.load(folder)


def main(steps: int, batch: int, rate: float) -> None:
    words = tokens()
    encoder, reader = text_encoder.create(words).to(DEVICE), text_encoder.Reader().to(DEVICE)
    run = Run("text", {"encoder": encoder, "reader": reader}, muon.optimizers([encoder, reader], rate), ema=0.998)
    while run.count < steps:
        rng = random.Random(run.count)
        captions = [describe(sample_scene(FIRST + run.count * batch + i), rng) for i in range(batch)]
        ids = torch.tensor([e.ids for e in words.encode_batch([c.text for c in captions])], device=DEVICE)
        target = torch.tensor([text_encoder.labels(c) for c in captions], device=DEVICE)
        run.rate(cosine(run.count, steps, 100))
        with autocast():
            hidden = encoder(ids).last_hidden_state
        loss, exact = reader.loss(hidden.float(), target)
        run.descend(loss)
        run.step({"loss": loss, "exact": exact}, 100)
    run.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--rate", type=float, default=2e-3)
    main(**vars(parser.parse_args()))
