"""Weights that the repository carries, and the stage in progress that it keeps: how a run goes on on a new machine."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .run import DEVICE, HOME

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / "training/state/stage.safetensors"
LIMIT = 6_000_000  # bytes of the state that a commit may carry


def widened(path: Path) -> dict[str, Tensor]:
    """Weights in float32 from a file of `deno task quantize`: int8 times a scale a row, or floats as they are."""
    held = load_file(path)
    scales = {name for name in held if name.endswith(".scale") and held.get(name.removesuffix(".scale"), held[name]).dtype == torch.int8}
    wide = {}
    for name in held.keys() - scales:
        tensor = held[name].float()
        if f"{name}.scale" in scales:
            tensor = tensor * held[f"{name}.scale"].view(-1, *[1] * (tensor.ndim - 1))
        wide[name] = tensor
    return wide


def fill(module: nn.Module, weights: dict[str, Tensor], prefix: str = "") -> nn.Module:
    """Loads weights whose names may begin with a prefix that the module does not use."""
    known = module.state_dict()
    module.load_state_dict({name if name in known else name.removeprefix(prefix): tensor for name, tensor in weights.items()})
    return module


def begin(stage: str, modules: dict[str, nn.Module], count: int = 0) -> None:
    """Writes a stage's state with these weights, also as its moving averages, and optimizers that have seen nothing.

    Raises FileExistsError if the stage has a state: what has been trained is not overwritten.
    """
    path = HOME / stage / "state.pt"
    if path.exists():
        raise FileExistsError(f"Cannot begin {stage}: {path} exists. Delete it to begin again from what is committed.")
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: module.state_dict() for key, module in modules.items()}
    torch.save({"modules": weights, "ema": weights, "optimizers": {}, "count": count}, path)


def keep(stage: str, path: Path = STATE) -> dict[str, str]:
    """Writes a stage's moving averages in float16 and its count to one file; the batches' seeds follow from the count."""
    state = torch.load(HOME / stage / "state.pt", map_location="cpu", weights_only=True)
    tensors = {f"{key}/{name}": t.half().contiguous() for key, weights in state["ema"].items() for name, t in weights.items()}
    size = sum(2 * t.numel() for t in tensors.values())
    if size > LIMIT:
        raise ValueError(f"Cannot keep {stage}: its averages take {size} bytes, expected at most {LIMIT}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    described = {"stage": stage, "count": str(state["count"]), "keys": json.dumps(sorted(state["ema"]))}
    save_file(tensors, path, described)
    return described


def kept(path: Path = STATE) -> tuple[str, int, dict[str, dict[str, Tensor]]]:
    """The stage that was kept: its name, its count and its modules' weights."""
    with safe_open(path, "pt", device=str(DEVICE)) as file:
        described = file.metadata()
        modules: dict[str, dict[str, Tensor]] = {key: {} for key in json.loads(described["keys"])}
        for name in file.keys():
            key, parameter = name.split("/", 1)
            modules[key][parameter] = file.get_tensor(name).float()
    return described["stage"], int(described["count"]), modules
