"""Adapters of every kind that PEFT trains, and the weights that it makes of them: tests/data/adapters.

pip install torch==2.15.0 peft==0.21.2 safetensors; python tests/make_adapter_fixtures.py
"""

import json
import pathlib

import peft
import torch
from safetensors.torch import load_file, save_file

out = pathlib.Path(__file__).parent / "data" / "adapters"
targets = ["linear", "conv", "point"]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 12)
        self.conv = torch.nn.Conv2d(4, 6, 3)
        self.point = torch.nn.Conv2d(6, 4, 1)


def kinds():
    common = dict(target_modules=targets)
    yield "lora", peft.LoraConfig(r=2, lora_alpha=5, rank_pattern={"conv": 3}, alpha_pattern={"point": 7}, **common)
    yield "rslora", peft.LoraConfig(r=4, lora_alpha=5, use_rslora=True, **common)
    yield "lora_bias", peft.LoraConfig(r=2, lora_alpha=3, lora_bias=True, **common)
    yield "dora", peft.LoraConfig(r=2, lora_alpha=5, use_dora=True, **common)
    yield "loha", peft.LoHaConfig(r=2, alpha=3, **common)
    yield "loha_window", peft.LoHaConfig(r=2, alpha=3, use_effective_conv2d=True, **common)
    yield "lokr", peft.LoKrConfig(r=2, alpha=3, decompose_factor=2, **common)
    yield "lokr_whole", peft.LoKrConfig(r=64, alpha=3, **common)
    yield "lokr_both", peft.LoKrConfig(r=1, alpha=3, decompose_both=True, decompose_factor=4, **common)
    yield "lokr_window", peft.LoKrConfig(r=1, alpha=3, use_effective_conv2d=True, decompose_factor=2, **common)


torch.manual_seed(0)
base = Network()
expected = {f"base.{name}": value.clone() for name, value in base.state_dict().items()}
for name, config in kinds():
    network = Network()
    network.load_state_dict(base.state_dict())
    model = peft.get_peft_model(network, config)
    generator = torch.Generator().manual_seed(len(expected))
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:  # away from the zeros that training begins with
            parameter.data = parameter.data + 0.3 * torch.randn(parameter.shape, generator=generator)
    model.save_pretrained(out / name)
    (out / name / "README.md").unlink(missing_ok=True)
    config_path = out / name / "adapter_config.json"
    kept = {k: v for k, v in json.loads(config_path.read_text()).items() if v not in (None, {}, [], False)}
    config_path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    for key, value in model.merge_and_unload().state_dict().items():
        expected[f"{name}.{key}"] = value.clone()
    print(name, sorted(load_file(out / name / "adapter_model.safetensors")))
save_file(expected, out / "expected.safetensors")
