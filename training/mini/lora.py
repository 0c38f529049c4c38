"""LoRA (Hu et al. 2021, arXiv 2106.09685) on a UNet's attention, with the keys that diffusers and PEFT write."""

from torch import Tensor, nn

from .blocks import Attention


class LoraLinear(nn.Module):
    """W x + B A x; A random, B zero at the start; alpha is the rank."""

    def __init__(self, base: nn.Linear, rank: int):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.normal_(self.lora_A.weight, std=1 / rank)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.lora_B(self.lora_A(x))


def add_lora(net: nn.Module, rank: int) -> nn.ModuleDict:
    """Puts a LoRA on every projection of every attention of a frozen network; returns them by the projections' paths, dots as slashes."""
    net.requires_grad_(False)
    added = nn.ModuleDict()
    for path, module in list(net.named_modules()):
        if isinstance(module, Attention):
            for name, parent in [(n, module) for n in ("to_q", "to_k", "to_v", "to_kv") if hasattr(module, n)] + [("0", module.to_out)]:
                lora = LoraLinear(getattr(parent, name), rank)
                setattr(parent, name, lora)
                added[f"{path}.{'to_out.0' if name == '0' else name}".replace(".", "/")] = lora
    return added


def state_dict(added: nn.ModuleDict) -> dict[str, Tensor]:
    """As `StableDiffusionPipeline.save_lora_weights` names them."""
    return {
        f"unet.{path.replace('/', '.')}.{part}.weight": getattr(lora, part).weight.detach()
        for path, lora in added.items() for part in ("lora_A", "lora_B")
    }

