"""A control plugin with random weights in PyTorch, and what it computes: the twin of `models/control_plugin.ts`.

    python -m pip install torch safetensors   # made with torch 2.15.0
    python make.py
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

here = Path(__file__).parent
sys.path.insert(0, str(here.parents[2] / "training"))
from mini.control_plugin import ControlPlugin  # noqa: E402

torch.manual_seed(0)
config = {
    "_class_name": "ControlPlugin", "conditioning_channels": 1, "channels": [4, 6], "layers_per_block": 2, "expansion": 2, "downscale_factor": 8,
}
net = ControlPlugin(config)
for parameter in net.parameters():
    nn.init.normal_(parameter, std=0.2)
pixels = torch.rand(2, 1, 40, 24)  # 5 × 3 pixels on the first level: halving rounds up
with torch.no_grad():
    residuals = net(pixels)
(here / "config.json").write_text(json.dumps(config, indent=1) + "\n")
save_file(net.state_dict(), here / "diffusion_pytorch_model.safetensors")
save_file({"pixels": pixels, **{f"down.{i}": r.contiguous() for i, r in enumerate(residuals)}}, here / "expected.safetensors")
