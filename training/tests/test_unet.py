"""The UNet with default fields is diffusers' UNet2DConditionModel; the other fields do what they say."""

import json
import os
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from mini.unet import MINI, UNet, load

SMALL = {"block_out_channels": [16, 32], "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
         "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "cross_attention_dim": 24, "norm_num_groups": 8}


@pytest.mark.parametrize("extra", [{}, {"use_linear_projection": True, "attention_head_dim": [2, 4], "layers_per_block": 1}, {"time_cond_proj_dim": 20}])
def test_equals_diffusers(extra: dict) -> None:
    torch.manual_seed(0)
    config = {**SMALL, **extra}
    theirs = UNet2DConditionModel(**config).eval()
    ours = UNet(config).eval()
    ours.load_state_dict(theirs.state_dict())
    sample, context, time = torch.randn(2, 4, 10, 12), torch.randn(2, 7, 24), torch.tensor([3, 777])
    condition = torch.randn(2, 20) if "time_cond_proj_dim" in extra else None
    with torch.no_grad():
        expected = theirs(sample, time, context, timestep_cond=condition).sample
        assert torch.allclose(ours(sample, time, context, condition), expected, atol=1e-5)


@pytest.mark.skipif("REFERENCE" not in os.environ, reason="REFERENCE names the folder of reference fixtures")
def test_equals_reference_fixture() -> None:
    root = Path(os.environ["REFERENCE"])
    net = load(root / "pipelines/sd15-tiny/unet")
    io = load_file(root / "models/unet_sd15/io.safetensors")
    for case in json.loads((root / "models/unet_sd15/cases.json").read_text())["cases"]:
        name = f"case{case['index']}"
        if f"{name}.encoder_attention_mask" in io:
            continue
        with torch.no_grad():
            out = net(io[f"{name}.sample"], torch.tensor(case["timestep"]), io[f"{name}.encoder_hidden_states"])
        assert torch.allclose(out, io[f"{name}.out"], atol=1e-4)


def test_mini_layout() -> None:
    net = UNet(MINI)
    keys = net.state_dict().keys()
    assert net.conv_norm_out.num_channels == 128 + 80
    assert "down_blocks.1.resnets.0.conv1.depthwise.weight" in keys and "down_blocks.0.resnets.0.conv1.weight" in keys
    assert "mid_block.attentions.2.transformer_blocks.0.attn1.to_kv.weight" in keys
    assert not any("down_blocks.1" in k and "attn1" in k for k in keys)
    assert sum(p.numel() for p in net.parameters()) < 2.55e6
    assert net(torch.randn(2, 8, 16, 16), torch.tensor([0, 999]), torch.randn(2, 32, 160)).shape == (2, 8, 16, 16)


def test_relu_attention() -> None:
    from mini.blocks import Attention

    torch.manual_seed(0)
    attention = Attention(8, 6, 2, True, "relu", True)
    x, context = torch.randn(1, 5, 8), torch.randn(1, 3, 6)
    kv, q = context @ attention.to_kv.weight.T, x @ attention.to_q.weight.T
    heads = [(q[..., s] @ kv[..., s].mT / 2).relu() / 3 @ kv[..., s] for s in (slice(0, 4), slice(4, 8))]
    assert torch.allclose(attention(x, context), attention.to_out[0](torch.cat(heads, -1)), atol=1e-6)
