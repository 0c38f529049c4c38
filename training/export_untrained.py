"""A tiny untrained model folder with inputs and outputs, to prove another implementation: python export_untrained.py FOLDER

io.safetensors holds, for the text encoder and the VAE and for each UNet (softmax; ReLU over the number of keys; with the
guidance scale as an input), what goes in and what comes out, computed in float32 from the half-precision weights.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from mini import export, text_encoder, tokenizer, vae
from mini.unet import MINI, UNet

SMALL = {**MINI, "block_out_channels": [8, 16], "norm_num_groups": 4, "cross_attention_dim": 16, "time_embedding_dim": 16, "attention_head_dim": 2, "mid_block_layers": 2}
VARIANTS = {
    "unet": {},
    "unet_ufogen": {"attention_activation": "relu", "attention_length_norm": True},
    "unet_progressive_distillation": {"attention_activation": "relu", "time_cond_proj_dim": 24},
}


def halve(module: torch.nn.Module) -> torch.nn.Module:
    """Spreads zero-initialised parameters a little and rounds all of them to half precision."""
    for p in module.parameters():
        p.data = (p.data + 0.05 * torch.randn_like(p)).half().float()
    return module.eval()


@torch.no_grad()
def main(folder: Path) -> None:
    torch.manual_seed(0)
    io = {}
    tokenizer.save(tokenizer.train(captions=4000), folder / "tokenizer")
    tokens = tokenizer.load(folder / "tokenizer")
    export.write_frame(folder)

    text = halve(text_encoder.create(tokens, width=16, layers=2, heads=2))
    export.write_part(folder / "text_encoder", export.text_config(text, tokens.get_vocab_size()), text_encoder.state_dict(text), "model.safetensors")
    io["text.input_ids"] = torch.tensor([tokens.encode(t).ids for t in ("a red house under a yellow moon", "")])
    io["text.last_hidden_state"] = text(io["text.input_ids"]).last_hidden_state

    auto = halve(vae.create((8, 8, 8, 8), groups=4, size=32))
    export.write_part(folder / "vae", export.vae_config(auto, 0.5), auto.state_dict())
    io["vae.image"] = torch.rand(1, 3, 32, 32) * 2 - 1
    io["vae.mean"], io["vae.logvar"] = auto.quant_conv(auto.encoder(io["vae.image"])).chunk(2, 1)
    io["vae.latents"] = torch.randn(1, 8, 4, 4)
    io["vae.decoded"] = auto.decode(io["vae.latents"]).sample

    io["sample"], io["timestep"] = torch.randn(2, 8, 8, 8), torch.tensor([999, 124])
    io["encoder_hidden_states"] = io["text.last_hidden_state"].clone()
    io["timestep_cond"] = torch.randn(2, 24)
    for name, fields in VARIANTS.items():
        net = halve(UNet(config := {**SMALL, **fields}))
        export.write_part(folder / name, config, net.state_dict())
        condition = io["timestep_cond"] if config["time_cond_proj_dim"] else None
        io[f"{name}.out"] = net(io["sample"], io["timestep"], io["encoder_hidden_states"], condition)
    save_file({k: v.contiguous() for k, v in io.items()}, folder / "io.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
