"""What the repository carries of a run, and what it keeps."""

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from mini import kept, muon
from mini.data import OFTEN, Latents
from mini.run import Run
from mini.world import BACKGROUNDS


def test_widened(tmp_path):
    rows = {"a.weight": torch.tensor([[1, -2], [127, 0]], dtype=torch.int8), "a.weight.scale": torch.tensor([0.5, 2.0])}
    save_file(rows | {"b.bias": torch.ones(3).half(), "norm.scale": torch.ones(2)}, tmp_path / "w.safetensors")
    wide = kept.widened(tmp_path / "w.safetensors")
    assert wide["a.weight"].tolist() == [[0.5, -1.0], [254.0, 0.0]]
    assert set(wide) == {"a.weight", "b.bias", "norm.scale"} and wide["b.bias"].dtype == torch.float32


def test_a_stage_goes_on_from_what_was_kept(tmp_path, monkeypatch):
    for module in ("mini.kept", "mini.run"):
        monkeypatch.setattr(f"{module}.HOME", tmp_path)
    net = torch.nn.Linear(8, 8)
    kept.begin("stage", {"net": net}, count=12)
    with pytest.raises(FileExistsError):
        kept.begin("stage", {"net": net})
    kept.keep("stage", tmp_path / "state.safetensors")
    stage, count, weights = kept.kept(tmp_path / "state.safetensors")
    assert (stage, count) == ("stage", 12)
    assert torch.equal(weights["net"]["weight"], net.weight.half().float())
    fresh = torch.nn.Linear(8, 8)
    run = Run("stage", {"net": fresh}, muon.optimizers([fresh], 1e-3))
    assert run.count == 12 and torch.equal(fresh.weight, net.weight)


def test_too_large_a_state_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("mini.kept.HOME", tmp_path)
    monkeypatch.setattr("mini.kept.LIMIT", 10)
    kept.begin("stage", {"net": torch.nn.Linear(8, 8)})
    with pytest.raises(ValueError, match="at most 10"):
        kept.keep("stage", tmp_path / "state.safetensors")
    assert not (tmp_path / "state.safetensors").exists()


def test_night_and_sunset_come_twice_as_often(tmp_path):
    backgrounds = numpy.arange(800, dtype=numpy.uint8) % len(BACKGROUNDS)
    latents = numpy.broadcast_to(backgrounds[:, None, None, None], (800, 1, 1, 1))
    numpy.savez(tmp_path / "0.npz", latents=latents, ids=numpy.zeros((800, 1, 2)), layouts=numpy.zeros((800, 2, 1, 1)), backgrounds=backgrounds)
    drawn = Latents(tmp_path).batch(3, 20_000, torch.device("cpu")).latents.flatten().long()
    share = torch.bincount(drawn, minlength=8) / len(drawn)
    for name, part in zip(BACKGROUNDS, share):
        assert abs(float(part) - OFTEN.get(name, 1.0) / 10) < 0.01, name
