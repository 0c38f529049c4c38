"""Test only: writes models/, Core ML packages that compute what the stand-in's functions.m computes.

They are for the tests on macOS, see CONTRIBUTING.md, and are checked in; this is how they were made, on any system:

    python3 -m venv venv && venv/bin/pip install coremltools==9.0 && venv/bin/python tests/coreml/make_models.py
"""

import json
import pathlib
import shutil

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

HERE = pathlib.Path(__file__).parent
MIL_TYPES = {"float16": types.fp16, "float32": types.fp32, "int32": types.int32}
NUMPY_TYPES = {"float16": np.float16, "float32": np.float32, "int32": np.int32}


def floats(x):
    return mb.cast(x=x, dtype="fp32")


def columns(x, rank):
    """[rows] to [rows, 1, …]."""
    return mb.reshape(x=x, shape=[x.shape[0]] + [1] * (rank - 1))


def mean_of_rows(x):
    return columns(mb.reduce_mean(x=floats(x), axes=list(range(1, len(x.shape))), keep_dims=False), 4)


def shift(inputs):
    total = mb.mul(x=columns(floats(inputs["timestep"]), 4), y=np.float32(0.0001))
    residuals = [x for name, x in inputs.items() if name.startswith("additional_residual_")]
    for residual in residuals:
        total = mb.add(x=total, y=mb.mul(x=mean_of_rows(residual), y=np.float32(0.01)))
    return total


def context(states, channels=4):
    rows, _, _, tokens = states.shape
    own = mb.slice_by_index(x=floats(states), begin=[0, 0, 0, 0], end=[rows, channels, 1, tokens])
    places = (np.arange(1, tokens + 1) / tokens / tokens).astype(np.float32).reshape(1, 1, 1, tokens)
    return mb.reduce_sum(x=mb.mul(x=own, y=places), axes=[2, 3], keep_dims=True)


def text_encoder(inputs, outputs):
    _, tokens, dim = outputs["last_hidden_state"]["shape"]
    ids = mb.reshape(x=inputs["input_ids"], shape=[1, tokens, 1])
    factors = np.arange(1, dim + 1, dtype=np.float32).reshape(1, 1, dim)
    folded = mb.mod(x=mb.mul(x=ids, y=factors), y=np.float32(97))
    hidden = mb.sub(x=mb.real_div(x=folded, y=np.float32(97)), y=np.float32(0.5))
    last = mb.slice_by_index(x=hidden, begin=[0, tokens - 1, 0], end=[1, tokens, dim])
    return {"last_hidden_state": hidden, "pooled_outputs": mb.reshape(x=last, shape=[1, dim])}


def unet(inputs, outputs):
    half = mb.mul(x=floats(inputs["sample"]), y=np.float32(0.5))
    prompt = mb.mul(x=context(inputs["encoder_hidden_states"]), y=np.float32(0.25))
    return {"noise_pred": mb.add(x=mb.add(x=half, y=shift(inputs)), y=prompt)}


def unet_chunk1(inputs, outputs):
    # an input that a program does not use would be dropped, so the timestep takes part, times nothing
    nothing = mb.mul(x=columns(floats(inputs["timestep"]), 4), y=np.float32(0))
    half = mb.mul(x=floats(inputs["sample"]), y=np.float32(0.5))
    prompt = mb.mul(x=context(inputs["encoder_hidden_states"]), y=np.float32(0.25))
    return {"hidden": mb.add(x=half, y=nothing), "prompt": prompt}


def unet_chunk2(inputs, outputs):
    return {"noise_pred": mb.add(x=mb.add(x=inputs["hidden"], y=shift(inputs)), y=inputs["prompt"])}


def vae_decoder(inputs, outputs):
    z = floats(inputs["z"])
    _, _, h, w = z.shape
    colours = mb.slice_by_index(x=z, begin=[0, 0, 0, 0], end=[1, 3, h, w])
    factors = (0.25 * np.arange(1, 4)).astype(np.float32).reshape(1, 3, 1, 1)
    fourth = mb.slice_by_index(x=z, begin=[0, 3, 0, 0], end=[1, 4, h, w])
    small = mb.add(x=mb.mul(x=colours, y=factors), y=mb.mul(x=fourth, y=np.float32(0.1)))
    return {"image": mb.upsample_nearest_neighbor(x=small, scale_factor_height=8, scale_factor_width=8)}


def vae_encoder(inputs, outputs):
    means = mb.avg_pool(x=floats(inputs["x"]), kernel_sizes=[8, 8], strides=[8, 8], pad_type="valid")
    _, _, h, w = means.shape
    first = mb.slice_by_index(x=means, begin=[0, 0, 0, 0], end=[1, 1, h, w])
    four = mb.concat(values=[means, first], axis=1)
    logvar = mb.sub(x=mb.mul(x=four, y=np.float32(0.1)), y=np.float32(2))
    return {"latent": mb.concat(values=[four, logvar], axis=1)}


def controlnet(inputs, outputs):
    seen = mb.mul(x=mean_of_rows(inputs["controlnet_cond"]), y=np.float32(0.1))
    noisy = mb.mul(x=mean_of_rows(inputs["sample"]), y=np.float32(0.05))
    time = mb.mul(x=columns(floats(inputs["timestep"]), 4), y=np.float32(0.0001))
    nothing = mb.mul(x=mean_of_rows(inputs["encoder_hidden_states"]), y=np.float32(0))
    common = mb.add(x=mb.add(x=noisy, y=time), y=nothing)
    residuals = {}
    for n in range(len(outputs)):
        name = f"additional_residual_{n}"
        _, *row = outputs[name]["shape"]
        ramp = (np.arange(np.prod(row)) % 7 * 0.001).astype(np.float32).reshape(1, *row)
        residuals[name] = mb.add(x=mb.add(x=mb.mul(x=seen, y=np.float32(n + 1)), y=common), y=ramp)
    return residuals


def copy(inputs, outputs):
    def same(x):
        return mb.mul(x=x, y=np.int32(1)) if x.dtype == types.int32 else mb.mul(x=floats(x), y=np.float32(1))

    return {name: same(inputs[name[:-1]]) for name in outputs}


def doubling(inputs, outputs):
    return {"y": mb.add(x=mb.mul(x=inputs["x"], y=np.float32(2)), y=np.float32(1))}


def make(name, model):
    """Builds one package."""
    inputs, outputs = model["inputs"], model["outputs"]

    def body(*values):
        results = globals()[model["function"]](dict(zip(inputs, values)), outputs)
        casts = {"float16": "fp16", "float32": "fp32", "int32": "int32"}
        return tuple(mb.cast(x=results[n], dtype=casts[o["dtype"]], name=n) for n, o in outputs.items())

    names = ", ".join(inputs)  # coremltools takes the inputs' names from the code of the function
    named = eval(f"lambda {names}: body({names})", {"body": body})
    specs = [mb.TensorSpec(shape=i["shape"], dtype=MIL_TYPES[i["dtype"]]) for i in inputs.values()]
    program = mb.program(input_specs=specs, opset_version=ct.target.macOS13)(named)
    package = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.macOS13,
        compute_precision=ct.precision.FLOAT32,
        outputs=[ct.TensorType(name=n, dtype=NUMPY_TYPES[o["dtype"]]) for n, o in outputs.items()],
        skip_model_load=True,
    )
    path = HERE / "models" / f"{name}.mlpackage"
    shutil.rmtree(path, ignore_errors=True)
    package.save(str(path))
    spec = package.get_spec().description
    assert {f.name for f in spec.input} == set(inputs), name
    assert {f.name for f in spec.output} == set(outputs), name


if __name__ == "__main__":
    for name, model in json.loads((HERE / "models.json").read_text()).items():
        make(name, model)
