"""Writes tests/data/detector_io.safetensors, pictures and what the judge makes of them: python make_detector_fixture.py"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from mini.detector import from_folded
from mini.render import render
from mini.world import sample_scene

HERE = Path(__file__).parent

if __name__ == "__main__":
    net = from_folded(load_file(HERE / "detector/detector.safetensors"))
    pictures = (render([sample_scene(seed) for seed in (1, 2, 3)]) * 255).round() / 255
    with torch.no_grad():
        out = net(pictures)
    save_file({"pictures": (pictures * 255).to(torch.uint8), "out": out}, HERE.parent / "tests/data/detector_io.safetensors")
