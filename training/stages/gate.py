"""The gate before any diffusion: the detector's scores on the autoencoder's reconstructions: python -m stages.gate"""

import json

import torch

from mini.model import autoencoder
from mini.render import render
from mini.run import DEVICE, HOME, autocast
from mini.score import requests, scene_for
from stages import detector
from stages.evaluate import sharpness, sheet
from stages.latents import encode

LEAST = 0.97


@torch.no_grad()
def main() -> None:
    model = autoencoder()
    wanted = requests()
    pictures = render([scene_for(r, 60_000_000 + i) for i, r in enumerate(wanted)], DEVICE)
    with autocast():
        restored = torch.cat([model.decode(encode(model, part)).sample.float() for part in pictures.split(32)])
    restored = (restored / 2 + 0.5).clamp(0, 1)
    scores = detector.by_tag(wanted, detector.judge(detector.load(), restored, wanted))
    result = scores | {
        "mean": round(sum(scores.values()) / len(scores), 4),
        "l1 of 255": round(255 * float((restored - pictures).abs().mean()), 2),
        "sharpness": round(sharpness(restored) / sharpness(pictures), 3),
    }
    (HOME / "gate.json").write_text(json.dumps(result, indent=1))
    sheet(torch.stack([pictures[::70][:8], restored[::70][:8]]).flatten(0, 1), 8, "reconstructions")
    print(result, "passed" if result["mean"] >= LEAST else "NOT passed")


if __name__ == "__main__":
    main()
