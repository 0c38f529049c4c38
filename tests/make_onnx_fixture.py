"""Makes tests/data/onnx_sd15_tiny: the reference's sd15-tiny in the layout and with the names of optimum's exporter.

    pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0 onnx==1.23.2 onnxscript
    python tests/make_onnx_fixture.py

The UNet's weights lie beside its model, as those of real ones; the others have theirs inside.
"""

import json
import shutil
from pathlib import Path

import onnx
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

SOURCE = Path(__file__).parent / "reference/pipelines/sd15-tiny"
TARGET = Path(__file__).parent / "data/onnx_sd15_tiny"


def export(part: str, network: torch.nn.Module, forward, inputs: dict, outputs: dict) -> None:
    """Exports what `forward` computes. Inputs are (example, names of free sizes), outputs names of free sizes."""
    folder = TARGET / part
    folder.mkdir(parents=True)
    network.forward = forward  # the network stays the root, so that its modules name the nodes
    path = folder / "model.onnx"
    with torch.no_grad():
        torch.onnx.export(
            network.eval(),
            tuple(example for example, _ in inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, (_, axes) in inputs.items()} | outputs,
            opset_version=17,
            dynamo=False,
        )
    model = shorten(onnx.load(path))
    path.unlink()
    onnx.save_model(model, path, save_as_external_data=part == "unet", location="model.onnx_data", size_threshold=1024)


def shorten(model: onnx.ModelProto) -> onnx.ModelProto:
    """Gives intermediate values short names: half of the file is names otherwise. Nodes keep theirs."""
    outputs = {output.name for output in model.graph.output}
    made = [name for node in model.graph.node for name in node.output if name not in outputs]
    short = {name: f"v{i}" for i, name in enumerate(made)}
    for node in model.graph.node:
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]
    return model


def load_text_encoder() -> CLIPTextModel:
    config = CLIPTextConfig(**json.loads((SOURCE / "text_encoder/config.json").read_text()))
    config._attn_implementation = "eager"
    encoder = CLIPTextModel(config)
    stored = {k.removeprefix("text_model."): v for k, v in load_file(SOURCE / "text_encoder/model.safetensors").items()}
    prefix = "text_model." if any(key.startswith("text_model.") for key in encoder.state_dict()) else ""
    encoder.load_state_dict({f"{prefix}{k}": v for k, v in stored.items() if "position_ids" not in k})
    return encoder


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    image = {0: "batch_size", 2: "height", 3: "width"}
    latent = {0: "batch_size", 2: "latent_height", 3: "latent_width"}
    tokens = {0: "batch_size", 1: "sequence_length"}

    encoder = load_text_encoder()
    encode = encoder.forward
    export(
        "text_encoder",
        encoder,
        lambda input_ids: tuple(encode(input_ids).values())[:2],
        {"input_ids": (torch.arange(154).reshape(2, 77), tokens)},
        {"last_hidden_state": tokens, "pooler_output": {0: "batch_size"}},
    )
    unet = UNet2DConditionModel.from_pretrained(SOURCE / "unet")
    unet.set_default_attn_processor()
    predict = unet.forward
    export(
        "unet",
        unet,
        lambda *inputs: predict(*inputs, return_dict=False)[0],
        {
            "sample": (torch.randn(2, 4, 16, 16), image),
            "timestep": (torch.tensor(981), {}),
            "encoder_hidden_states": (torch.randn(2, 77, 32), tokens),
        },
        {"out_sample": image},
    )
    vae = AutoencoderKL.from_pretrained(SOURCE / "vae")
    vae.set_default_attn_processor()
    export(
        "vae_encoder",
        vae,
        lambda sample: vae.encode(sample).latent_dist.parameters,
        {"sample": (torch.randn(1, 3, 64, 64), image)},
        {"latent_parameters": latent},
    )
    export(
        "vae_decoder",
        vae,
        lambda latent_sample: vae.decode(latent_sample).sample,
        {"latent_sample": (torch.randn(1, 4, 8, 8), latent)},
        {"sample": image},
    )

    for part, config in {"text_encoder": "text_encoder", "unet": "unet", "vae_encoder": "vae", "vae_decoder": "vae"}.items():
        shutil.copy(SOURCE / config / "config.json", TARGET / part / "config.json")
    for folder in ["tokenizer", "scheduler"]:
        shutil.copytree(SOURCE / folder, TARGET / folder)
    index = json.loads((SOURCE / "model_index.json").read_text())
    index |= {part: ["optimum", "ORTModel"] for part in ["text_encoder", "unet", "vae_encoder", "vae_decoder"]}
    del index["vae"]
    (TARGET / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
