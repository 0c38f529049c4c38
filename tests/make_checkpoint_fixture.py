"""Writes tests/data/sd1_checkpoint.safetensors and sd2_checkpoint.safetensors: the tiny pipelines of tests/reference
as original single-file checkpoints.

    pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    python tests/make_checkpoint_fixture.py

The names are not written down here: the networks are built of PyTorch modules, nested as the original code nests
them (CompVis' latent-diffusion, OpenCLIP), and `state_dict()` names the tensors.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

HERE = Path(__file__).parent


class Tensors:
    """The tensors of a diffusers network under a path."""

    def __init__(self, tensors, path=""):
        self.tensors, self.path = tensors, path

    def __truediv__(self, name):
        return Tensors(self.tensors, f"{self.path}.{name}" if self.path else str(name))

    def get(self, leaf):
        return self.tensors.get(f"{self.path}.{leaf}" if self.path else leaf)

    def exists(self):
        return any(name.startswith(self.path + ".") for name in self.tensors)


class Layer(nn.Module):
    """A layer with a weight and perhaps a bias, whatever it computes."""

    def __init__(self, source, shape=None):
        super().__init__()
        weight, bias = source.get("weight"), source.get("bias")
        assert weight is not None, source.path
        self.weight = nn.Parameter(weight.reshape(shape(weight)) if shape else weight)
        if bias is not None:
            self.bias = nn.Parameter(bias)


def as_convolution(weight):
    return (*weight.shape[:2], 1, 1)


def module(**children):
    result = nn.Module()
    for name, child in children.items():
        if child is not None:
            setattr(result, name, child)
    return result


# The UNet ----------------------------------------------------------------------------------------------------------


def res_block(source):
    shortcut = source / "conv_shortcut"
    return module(
        in_layers=nn.Sequential(Layer(source / "norm1"), nn.SiLU(), Layer(source / "conv1")),
        emb_layers=nn.Sequential(nn.SiLU(), Layer(source / "time_emb_proj")),
        out_layers=nn.Sequential(Layer(source / "norm2"), nn.SiLU(), nn.Dropout(0.0), Layer(source / "conv2")),
        skip_connection=Layer(shortcut) if shortcut.exists() else nn.Identity(),
    )


def cross_attention(source):
    return module(
        to_q=Layer(source / "to_q"),
        to_k=Layer(source / "to_k"),
        to_v=Layer(source / "to_v"),
        to_out=nn.Sequential(Layer(source / "to_out" / 0), nn.Dropout(0.0)),
    )


def spatial_transformer(source):
    blocks = nn.ModuleList()
    while (block := source / "transformer_blocks" / len(blocks)).exists():
        gated = module(proj=Layer(block / "ff" / "net" / 0 / "proj"))
        blocks.append(
            module(
                attn1=cross_attention(block / "attn1"),
                ff=module(net=nn.Sequential(gated, nn.Dropout(0.0), Layer(block / "ff" / "net" / 2))),
                attn2=cross_attention(block / "attn2"),
                norm1=Layer(block / "norm1"),
                norm2=Layer(block / "norm2"),
                norm3=Layer(block / "norm3"),
            )
        )
    return module(
        norm=Layer(source / "norm"),
        proj_in=Layer(source / "proj_in"),
        transformer_blocks=blocks,
        proj_out=Layer(source / "proj_out"),
    )


def unet(source, config):
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    time = source / "time_embedding"
    input_blocks = nn.ModuleList([nn.Sequential(Layer(source / "conv_in"))])
    for level in range(levels):
        down = source / "down_blocks" / level
        for layer in range(layers):
            block = [res_block(down / "resnets" / layer)]
            if (down / "attentions").exists():
                block.append(spatial_transformer(down / "attentions" / layer))
            input_blocks.append(nn.Sequential(*block))
        if level != levels - 1:
            input_blocks.append(nn.Sequential(module(op=Layer(down / "downsamplers" / 0 / "conv"))))
    middle = source / "mid_block"
    middle_block = nn.Sequential(
        res_block(middle / "resnets" / 0),
        spatial_transformer(middle / "attentions" / 0),
        res_block(middle / "resnets" / 1),
    )
    output_blocks = nn.ModuleList()
    for level in reversed(range(levels)):
        up = source / "up_blocks" / (levels - 1 - level)
        for layer in range(layers + 1):
            block = [res_block(up / "resnets" / layer)]
            if (up / "attentions").exists():
                block.append(spatial_transformer(up / "attentions" / layer))
            if level != 0 and layer == layers:
                block.append(module(conv=Layer(up / "upsamplers" / 0 / "conv")))
            output_blocks.append(nn.Sequential(*block))
    return module(
        time_embed=nn.Sequential(Layer(time / "linear_1"), nn.SiLU(), Layer(time / "linear_2")),
        input_blocks=input_blocks,
        middle_block=middle_block,
        output_blocks=output_blocks,
        out=nn.Sequential(Layer(source / "conv_norm_out"), nn.SiLU(), Layer(source / "conv_out")),
    )


# The VAE -----------------------------------------------------------------------------------------------------------


def resnet_block(source):
    shortcut = source / "conv_shortcut"
    return module(
        norm1=Layer(source / "norm1"),
        conv1=Layer(source / "conv1"),
        norm2=Layer(source / "norm2"),
        conv2=Layer(source / "conv2"),
        nin_shortcut=Layer(shortcut) if shortcut.exists() else None,
    )


def middle_of_vae(source):
    attention = source / "attentions" / 0
    return module(
        block_1=resnet_block(source / "resnets" / 0),
        attn_1=module(
            norm=Layer(attention / "group_norm"),
            q=Layer(attention / "to_q", as_convolution),
            k=Layer(attention / "to_k", as_convolution),
            v=Layer(attention / "to_v", as_convolution),
            proj_out=Layer(attention / "to_out" / 0, as_convolution),
        ),
        block_2=resnet_block(source / "resnets" / 1),
    )


def vae(source, config):
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    encoder, decoder = source / "encoder", source / "decoder"
    down, up = nn.ModuleList(), nn.ModuleList()
    for level in range(levels):
        fine = encoder / "down_blocks" / level
        down.append(
            module(
                block=nn.ModuleList(resnet_block(fine / "resnets" / layer) for layer in range(layers)),
                downsample=module(conv=Layer(fine / "downsamplers" / 0 / "conv")) if level != levels - 1 else None,
            )
        )
    for level in reversed(range(levels)):
        coarse = decoder / "up_blocks" / (levels - 1 - level)
        block = module(
            block=nn.ModuleList(resnet_block(coarse / "resnets" / layer) for layer in range(layers + 1)),
            upsample=module(conv=Layer(coarse / "upsamplers" / 0 / "conv")) if level != 0 else None,
        )
        up.insert(0, block)  # built from the coarsest on, numbered from the finest on

    def half(source, **levels):
        return module(
            conv_in=Layer(source / "conv_in"),
            **levels,
            mid=middle_of_vae(source / "mid_block"),
            norm_out=Layer(source / "conv_norm_out"),
            conv_out=Layer(source / "conv_out"),
        )

    return module(
        encoder=half(encoder, down=down),
        decoder=half(decoder, up=up),
        quant_conv=Layer(source / "quant_conv"),
        post_quant_conv=Layer(source / "post_quant_conv"),
    )


# The text encoders -------------------------------------------------------------------------------------------------


def clip(tensors):
    """FrozenCLIPEmbedder: transformers' own model, called `transformer`."""
    return {f"transformer.{name}": tensor for name, tensor in tensors.items()}


def open_clip(tensors, config):
    """FrozenOpenCLIPEmbedder: OpenCLIP's model, called `model`, with one layer more than is used."""
    torch.manual_seed(0)
    source, width = Tensors(tensors) / "text_model", config["hidden_size"]
    blocks = []
    for index in range(config["num_hidden_layers"] + 1):
        block = nn.Module()
        block.ln_1 = nn.LayerNorm(width)
        block.attn = nn.MultiheadAttention(width, config["num_attention_heads"])
        block.ln_2 = nn.LayerNorm(width)
        inner = config["intermediate_size"]
        block.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(width, inner), gelu=nn.GELU(), c_proj=nn.Linear(inner, width))
        )
        layer = source / "encoder" / "layers" / index
        if layer.exists():
            attention = layer / "self_attn"
            for leaf in ["weight", "bias"]:
                copies = [
                    (block.ln_1, layer / "layer_norm1"),
                    (block.attn.out_proj, attention / "out_proj"),
                    (block.ln_2, layer / "layer_norm2"),
                    (block.mlp.c_fc, layer / "mlp" / "fc1"),
                    (block.mlp.c_proj, layer / "mlp" / "fc2"),
                ]
                for target, origin in copies:
                    getattr(target, leaf).data.copy_(origin.get(leaf))
                projections = [attention / f"{which}_proj" for which in "qkv"]
                getattr(block.attn, f"in_proj_{leaf}").data.copy_(torch.cat([p.get(leaf) for p in projections]))
        blocks.append(block)
    model = module(
        transformer=module(resblocks=nn.ModuleList(blocks)),
        token_embedding=Layer(source / "embeddings" / "token_embedding"),
        ln_final=Layer(source / "final_layer_norm"),
    )
    model.positional_embedding = nn.Parameter((source / "embeddings" / "position_embedding").get("weight"))
    model.text_projection = nn.Parameter(torch.arange(width * (width + 1)).reshape(width, width + 1) / 1000)
    model.logit_scale = nn.Parameter(torch.tensor(4.6))
    return {f"model.{name}": tensor for name, tensor in model.state_dict().items()}


def checkpoint(pipeline, text):
    folder = HERE / "reference" / "pipelines" / pipeline

    def component(name, file):
        config = json.loads((folder / name / "config.json").read_text())
        return load_file(folder / name / file), config

    tensors = {}
    for build, name, prefix in [(unet, "unet", "model.diffusion_model"), (vae, "vae", "first_stage_model")]:
        weights, config = component(name, "diffusion_pytorch_model.safetensors")
        built = build(Tensors(weights), config).state_dict()
        assert len(built) == len(weights), f"{len(built)} tensors of {len(weights)}"
        tensors |= {f"{prefix}.{key}": tensor for key, tensor in built.items()}
    weights, config = component("text_encoder", "model.safetensors")
    tensors |= {f"cond_stage_model.{key}": tensor for key, tensor in text(weights, config).items()}
    tensors["alphas_cumprod"] = torch.linspace(1, 0, 1000)  # a buffer of the original's, which nobody needs
    return {key: tensor.detach().contiguous() for key, tensor in tensors.items()}


if __name__ == "__main__":
    data = HERE / "data"
    data.mkdir(exist_ok=True)
    first = checkpoint("sd15-tiny", lambda tensors, _: clip(tensors))
    half = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in first.items()}
    save_file(half, data / "sd1_checkpoint.safetensors")
    second = checkpoint("sd2-tiny", open_clip)
    save_file(second, data / "sd2_checkpoint.safetensors", {"modelspec.prediction_type": "v"})
