"""What every stage shares: where state lives, exponential moving averages, checkpoints, logs and loss plots."""

import copy
import json
import math
import os
import signal
import time
from pathlib import Path

import torch
from torch import distributed, nn

HOME = Path(os.environ.get("MINI_TRAINING", "runs"))
DEVICE = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")


WORKERS, RANK = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))


HALF = DEVICE.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def autocast() -> torch.autocast:
    """bfloat16 where the device computes in it; a CPU that must imitate it takes fifty times as long as in float32."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=HALF)


def cosine(step: int, total: int, warmup: int = 500, floor: float = 0.05) -> float:
    """Learning-rate factor: linear warm-up, then a half cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(total - warmup, 1), 1)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


class Run:
    """A resumable stage. `modules` are saved with their moving averages; call `step` after each optimizer step.

    Under `torchrun` gradients are averaged over the workers, and the first one logs and saves.
    """

    def __init__(self, name: str, modules: dict[str, nn.Module], optimizers: dict, ema: float = 0.999, every: float = 240):
        self.folder = HOME / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.modules, self.optimizers, self.decay, self.every = modules, optimizers, ema, every
        self.ema = {k: copy.deepcopy(m).eval().requires_grad_(False) for k, m in modules.items()}
        self.count, self.saved = 0, time.time()
        self.path = self.folder / "state.pt"
        if self.path.exists():
            state = torch.load(self.path, map_location=DEVICE, weights_only=True)
            for key, module in modules.items():
                module.load_state_dict(state["modules"][key])
                self.ema[key].load_state_dict(state["ema"][key])
            for key, optimizer in optimizers.items():
                if key in state["optimizers"]:
                    optimizer.load_state_dict(state["optimizers"][key])
            self.count = state["count"]
        if WORKERS > 1:
            if not distributed.is_initialized():
                distributed.init_process_group("nccl" if DEVICE.type == "cuda" else "gloo")
            for module in [*modules.values(), *self.ema.values()]:
                for tensor in module.state_dict().values():
                    distributed.broadcast(tensor, 0)
        self.sums, self.since, self.clock = {}, 0, time.time()
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_) -> None:
        self.stopping = True

    def rate(self, factor: float) -> None:
        """Scales every optimizer's base learning rate."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("base_lr", group["lr"])

    @property
    def part(self) -> int:
        """Number of the batch that this worker is to take now."""
        return self.count * WORKERS + RANK

    def _average(self, modules: list[nn.Module]) -> None:
        gradients = [p.grad for m in modules for p in m.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        for gradient, mean in zip(gradients, (flat / WORKERS).split([g.numel() for g in gradients])):
            gradient.copy_(mean.view_as(gradient))

    def descend(self, loss: torch.Tensor, clip: float = 1.0, only: str | None = None) -> None:
        """One step down the gradient of `loss`, its norm clipped: all modules and optimizers, or module `only` and optimizers `only.…`."""
        optimizers = [o for name, o in self.optimizers.items() if only in (None, name.split(".")[0])]
        modules = [m for name, m in self.modules.items() if only in (None, name)]
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        if WORKERS > 1:
            self._average(modules)
        for module in modules:
            torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        for optimizer in optimizers:
            optimizer.step()

    @torch.no_grad()
    def step(self, losses: dict[str, torch.Tensor], log_every: int = 200) -> None:
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for key, module in self.modules.items():
            for slow, fast in zip(self.ema[key].parameters(), module.parameters()):
                slow.lerp_(fast.detach(), 1 - decay)
        for key, value in losses.items():
            self.sums[key] = self.sums.get(key, 0) + value.detach().float()
        self.since += 1
        if self.count % log_every == 0 and RANK == 0:
            row = {k: round(float(v) / self.since, 6) for k, v in self.sums.items()}
            row |= {"step": self.count, "steps_per_second": round(self.since / (time.time() - self.clock), 3)}
            with open(self.folder / "log.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")
            print(row, flush=True)
            self.sums, self.since, self.clock = {}, 0, time.time()
        if self.stopping or time.time() - self.saved > self.every:
            self.save()
        if self.stopping:
            raise SystemExit(0)

    def save(self) -> None:
        if RANK:
            return
        groups = {"modules": self.modules, "ema": self.ema, "optimizers": self.optimizers}
        state = {name: {k: m.state_dict() for k, m in group.items()} for name, group in groups.items()}
        torch.save(state | {"count": self.count}, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)
        self.saved = time.time()
        self.plot()

    def plot(self) -> None:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        log = self.folder / "log.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        if not rows:
            return
        figure, axes = pyplot.subplots(figsize=(8, 4))
        for key in rows[-1].keys() - {"step", "steps_per_second"}:
            axes.plot([r["step"] for r in rows if key in r], [r[key] for r in rows if key in r], label=key)
        axes.set(yscale="log", xlabel="steps", title=self.folder.name)
        axes.legend()
        figure.savefig(self.folder / "loss.png", dpi=100)
        pyplot.close(figure)


def load_ema(name: str, key: str, module: nn.Module) -> nn.Module:
    """Loads the moving average of another stage's module."""
    state = torch.load(HOME / name / "state.pt", map_location=DEVICE, weights_only=True)
    module.load_state_dict(state["ema"][key])
    return module
