"""Adapters and the distilled student: what they must not change at the start, and the names they are saved under."""

import torch

from mini.control_plugin import EDGES, ControlPlugin
from mini.data import Batch
from mini.lora import add_lora, state_dict
from mini.model import guidance_embedding
from mini.render import render, rgb
from mini.unet import UNet
from mini.world import sample_scene
from stages.base import RELU
from stages.latents import edges
from stages.progressive import CONDITION, STUDENT
from stages.ufogen import fixed_guidance


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 8, 16, 16), torch.tensor([999, 300]), torch.randn(2, 32, 160)


def test_lora_starts_as_nothing_and_reaches_all_attention() -> None:
    net, given = UNet(RELU), inputs()
    before = net(*given)
    added = add_lora(net, 4)
    assert torch.allclose(net(*given), before, atol=1e-6)
    names = state_dict(added)
    assert len(names) == 2 * 3 * (3 * 2 + 3)  # to_q, to_kv, to_out: self and cross in the middle, cross in three other blocks
    assert "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_kv.lora_A.weight" in names
    assert "unet.up_blocks.0.attentions.1.transformer_blocks.0.attn2.to_out.0.lora_B.weight" in names
    for lora in added.values():
        torch.nn.init.normal_(lora.lora_B.weight)
    assert not torch.allclose(net(*given), before, atol=1e-2)


def test_control_plugin_starts_as_nothing_and_is_small() -> None:
    net, plugin, given = UNet(RELU), ControlPlugin(EDGES), inputs()
    assert sum(p.numel() for p in plugin.parameters()) < 500_000
    control = plugin(torch.rand(2, 1, 128, 128))
    assert [c.shape[1:] for c in control] == [(80, 16, 16), (128, 8, 8)]
    assert torch.equal(net(*given, control=control), net(*given))


def test_fixed_guidance_is_the_student_at_that_scale() -> None:
    student, given = UNet(STUDENT), inputs()
    torch.nn.init.normal_(student.time_embedding.cond_proj.weight, std=0.1)
    condition = guidance_embedding(torch.tensor([5.0, 5.0]), CONDITION)
    assert torch.allclose(fixed_guidance(student, 5.0)(*given), student(*given, condition), atol=1e-5)


def test_candy_changes_the_background_alone() -> None:
    scenes = [sample_scene(i) for i in range(8)]
    plain, styled = render(scenes), render(scenes, candy=True)
    for scene, before, after in zip(scenes, plain, styled):
        thing = scene.things[0]
        assert torch.allclose(after[:, 0, 0], rgb("#EBE4FA"), atol=0.01) and torch.allclose(after[:, -1, -1], rgb("#F58FBA"), atol=0.01)
        assert torch.equal(after, render([scene], candy=True)[0]) and not torch.equal(after, before)
        assert (after == before).all(0)[int(thing.y - thing.height / 2) : int(thing.y + thing.height / 2)].any()


def test_edges_are_bits_of_the_picture() -> None:
    packed = edges(render([sample_scene(1)]))
    assert packed.shape == (1, 128, 16) and 0 < packed.sum()
    assert Batch.__dataclass_fields__["edges"]
