"""Oracle pictures for sheets and for control: python -m stages.scenes --folder ../bench/eval/scenes

Writes `sheet.png` (the prompts of `sheet.json`, one row) and `control.png` (eight prompts a tag of the judge's, eight a row).
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from PIL import Image
from torch import Tensor

from mini.render import render
from mini.score import Request, requests, scene_for
from mini.world import TAGS

SHEET = (
    ("a red house under a yellow moon", ("moon", "house"), ("yellow", "red"), "above", 2),
    ("a blue boat on the sea", ("boat",), ("blue",), None, 3),
    ("three orange balloons by day", ("balloon",), ("orange",), None, 0),
    ("a green tree in the snow", ("tree",), ("green",), None, 4),
    ("a pink heart", ("heart",), ("pink",), None, 5),
    ("a yellow star above a purple mountain at night", ("star", "mountain"), ("yellow", "purple"), "above", 2),
    ("a white cloud at sunset", ("cloud",), ("white",), None, 1),
    ("a red umbrella to the left of a blue fish", ("umbrella", "fish"), ("red", "blue"), "left of", 5),
)


def save(path: Path, pictures: Tensor) -> None:
    """Eight pictures a row."""
    rows = pictures.view(-1, 8, *pictures.shape[1:]).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    Image.fromarray((rows * 255).round().byte().numpy()).save(path, optimize=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shown, wants = [], []
    for prompt, kinds, colours, position, background in SHEET:
        wanted = Request("counting" if "three" in prompt else "", prompt, kinds, 3 if "three" in prompt else 1, colours, position, False)
        wants.append(wanted)
        candidates = (scene_for(wanted, seed) for seed in range(7, 10_000))
        shown.append(next(scene for scene in candidates if scene.background == background))
    save(folder / "sheet.png", render(shown))
    chosen = [r for tag in TAGS for r in [r for r in requests() if r.tag == tag and not r.unseen][:8]]
    save(folder / "control.png", render([scene_for(r, 500 + i) for i, r in enumerate(chosen)]))
    lines = ",\n".join(f"  {json.dumps(asdict(wanted))}" for wanted in wants)
    (folder / "sheet.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("../bench/eval/scenes"))
    main(**vars(parser.parse_args()))
