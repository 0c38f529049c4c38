"""A small UNet as ONNX with external data, a LoRA for it, and what it computes with and without.

    python -m pip install torch diffusers onnx safetensors   # made with torch 2.15.0, diffusers 0.42.1, onnx 1.23.2
    python make.py

The exporter is the TorchScript one, which is what published ONNX models were made with: linear weights lose their
names and lie transposed, node names tell the modules.
"""

from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

here = Path(__file__).parent
rank, alpha, scale = 2, 3.0, 0.7
torch.manual_seed(0)

unet = UNet2DConditionModel(
    sample_size=8, block_out_channels=(8,), layers_per_block=1, cross_attention_dim=12, norm_num_groups=4, attention_head_dim=2,
    down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",), mid_block_type=None,
).eval()
inputs = {"sample": torch.randn(1, 4, 8, 8), "timestep": torch.tensor([620.0]), "encoder_hidden_states": torch.randn(1, 7, 12)}


def out() -> torch.Tensor:
    with torch.no_grad():
        return unet(*inputs.values()).sample.contiguous()


torch.onnx.export(
    unet, tuple(inputs.values()), here / "model.onnx", dynamo=False, opset_version=18,
    input_names=list(inputs), output_names=["out_sample"],
)
model = onnx.load(here / "model.onnx")
(here / "model.onnx_data").unlink(missing_ok=True)
onnx.save(model, here / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=64)

expected = {**inputs, "without": out()}
lora = {}
for name, module in unet.named_modules():
    if not isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
        continue
    weight = module.weight.data
    down = torch.randn(rank, *weight.shape[1:]) * 0.1
    up = torch.randn(weight.shape[0], rank, *[1] * (weight.ndim - 2)) * 0.1
    key = "lora_unet_" + name.replace(".", "_")
    lora |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(alpha)}
    weight += scale * alpha / rank * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
save_file(lora, here / "lora.safetensors")
save_file({**expected, "with": out()}, here / "expected.safetensors")
