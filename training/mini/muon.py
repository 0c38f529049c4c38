"""Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers") for matrices and full convolutions, AdamW for the rest."""

import torch
from torch import Tensor, nn

from .run import HALF


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Newton–Schulz iteration towards U Vᵀ for a stack [n, rows, columns]; quintic coefficients of the reference code."""
    x = matrices.bfloat16() if HALF else matrices.float()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Updates scaled to an RMS of 0.2 × the rate (arXiv 2502.16982), so that rates compare with AdamW's."""

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            shapes: dict[tuple, list[nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault((len(p), p[0].numel()), []).append(p)
            for (rows, columns), params in shapes.items():
                updates = []
                for p in params:
                    state = self.state[p]
                    if not state:
                        state["momentum"] = torch.zeros_like(p)
                    state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(state["momentum"], group["momentum"]).reshape(rows, columns))
                scale = 0.2 * max(rows, columns) ** 0.5 * group["lr"]
                for p, update in zip(params, orthogonalise(torch.stack(updates))):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.view_as(p), alpha=-scale)


def optimizers(modules: list[nn.Module], lr: float, weight_decay: float = 0.01) -> dict[str, torch.optim.Optimizer]:
    """Muon for what has at least 8 inputs and 8 outputs and is no embedding; AdamW for all else."""
    matrices, others = [], []
    for module in modules:
        embeddings = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
        for p in module.parameters():
            if p.requires_grad:
                hidden = p.ndim >= 2 and min(p.shape[:2]) >= 8 and id(p) not in embeddings
                (matrices if hidden else others).append(p)
    return {"muon": Muon(matrices, lr, weight_decay=weight_decay), "adam": torch.optim.AdamW(others, lr, (0.9, 0.98), weight_decay=0.0)}
