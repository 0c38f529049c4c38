"""The text encoder: transformers' CLIPTextModel, 3 layers of 160, and its pretraining on the scenes' own labels."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel

from .captions import Caption
from .tokenizer import END, LENGTH, START
from .world import BACKGROUNDS, COLOUR_NAMES, KINDS, RELATIONS

WIDTH = 160
SLOT = {"kind": len(KINDS), "colour": len(COLOUR_NAMES), "count": 4, "size": 2}
GLOBAL = {"relation": len(RELATIONS), "background": len(BACKGROUNDS)}
SLOTS = 3


def create(tokenizer, width: int = WIDTH, layers: int = 3, heads: int = 4) -> CLIPTextModel:
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    config = CLIPTextConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=LENGTH, hidden_act="quick_gelu", projection_dim=width,
        bos_token_id=start, eos_token_id=end, pad_token_id=end,
    )
    return CLIPTextModel(config)


def labels(caption: Caption) -> list[int]:
    """What the caption says, 3 × (kind, colour, count, size), relation, background; 0 is unsaid."""
    values = []
    for i in range(SLOTS):
        m = caption.mentions[i] if i < len(caption.mentions) else None
        values += [m.kind + 1, m.colour + 1, m.count, m.size + 1] if m else [0, 0, 0, 0]
    return [*values, caption.relation + 1, caption.background + 1]


class Reader(nn.Module):
    """Reads the labels off the last four positions (which are padding in every caption), one linear map a slot."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.sizes = [1 + n for _ in range(SLOTS) for n in SLOT.values()] + [1 + n for n in GLOBAL.values()]
        per_slot = sum(1 + n for n in SLOT.values())
        self.slots = nn.ModuleList(nn.Linear(width, per_slot) for _ in range(SLOTS))
        self.scene = nn.Linear(width, sum(1 + n for n in GLOBAL.values()))

    def forward(self, hidden: Tensor) -> list[Tensor]:
        logits = [head(hidden[:, LENGTH - SLOTS + i]) for i, head in enumerate(self.slots)]
        return torch.cat([*logits, self.scene(hidden[:, LENGTH - SLOTS - 1])], -1).float().split(self.sizes, -1)

    def loss(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy, and the share of captions read without any mistake."""
        logits = self(hidden)
        right = torch.stack([part.argmax(-1) == target[:, i] for i, part in enumerate(logits)]).all(0)
        return torch.stack([F.cross_entropy(part, target[:, i]) for i, part in enumerate(logits)]).mean(), right.float().mean()


def state_dict(encoder: CLIPTextModel) -> dict[str, Tensor]:
    """Weights with the `text_model.` prefix of published checkpoints."""
    return {
        name if name.startswith("text_model.") else f"text_model.{name}": tensor
        for name, tensor in encoder.state_dict().items() if "position_ids" not in name
    }
