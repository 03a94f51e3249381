"""Writes the PyTorch files that tests/weights reads, and the expected tensors of each as safetensors.

    python tests/weights/make.py

Needs torch and safetensors. `<name>.pth` is the file; `<name>.expected.safetensors` has its tensors in single precision
under the names of the file. Nothing is random, so another run differs only if PyTorch does.
"""

from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent / "files"


def values(*shape, dtype=torch.float32):
    """Different values at every position, some negative, none round."""
    count = int(np.prod(shape))
    return ((torch.arange(count, dtype=torch.float64) - count / 3) / 7).reshape(shape).to(dtype)


def floats(state):
    """The tensors that the reader returns for a state dict."""
    kept = {
        name: value.detach()
        for name, value in state.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return {name: value.to(torch.float32).clone().contiguous() for name, value in kept.items()}


def write(name, saved, state, **how):
    torch.save(saved, HERE / f"{name}.pth", **how)
    save_file(floats(state), HERE / f"{name}.expected.safetensors")


def network():
    """A convolution, a normalisation with its counter, and a linear layer."""
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 2)
    )
    with torch.no_grad():
        for tensor in list(layers.parameters()) + list(layers.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(values(*tensor.shape))
    return layers


def kinds():
    """Tensors of every kind that the reader skips."""
    eye = torch.eye(3)
    scale = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.int64)
    return {
        "coo": eye.to_sparse(),
        "csr": eye.to_sparse_csr(),
        "csc": eye.to_sparse_csc(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
        "nested": torch.nested.nested_tensor([values(2), values(3)]),
        "meta": torch.zeros(2, device="meta"),
        "quantised": torch.quantize_per_tensor(eye, 0.1, 0, torch.qint8),
        "quantised_channels": torch.quantize_per_channel(eye, scale, zero, 0, torch.quint8),
        "quantised_32": torch.quantize_per_tensor(eye, 0.1, 0, torch.qint32),
        "complex64": torch.tensor([1 + 2j]),
        "complex128": torch.tensor([1 + 2j], dtype=torch.complex128),
        "complex32": torch.tensor([1 + 2j]).to(torch.complex32),
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "u16": torch.tensor([1, 2], dtype=torch.uint16),
        "u32": torch.tensor([1, 2], dtype=torch.uint32),
        "u64": torch.tensor([1, 2], dtype=torch.uint64),
        "f8_e4m3fn": eye.to(torch.float8_e4m3fn),
        "f8_e5m2": eye.to(torch.float8_e5m2),
        "f8_e4m3fnuz": eye.to(torch.float8_e4m3fnuz),
        "f8_e5m2fnuz": eye.to(torch.float8_e5m2fnuz),
        "f8_e8m0fnu": eye.to(torch.float8_e8m0fnu),
        "f4": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "bits8": torch.zeros(2, dtype=torch.uint8).view(torch.bits8),
        "bits16": torch.zeros(2, dtype=torch.int16).view(torch.bits16),
    }


def main():
    HERE.mkdir(exist_ok=True)
    stream = {"_use_new_zipfile_serialization": False}
    state = network().state_dict()

    write("archive", state, state)
    write("stream", state, state, **stream)
    write("protocol4", state, state, pickle_protocol=4)
    write("protocol5", state, state, pickle_protocol=5)
    write("stream_protocol4", state, state, pickle_protocol=4, **stream)

    types = {
        "f64": values(3, 2, dtype=torch.float64) * 1e-3,
        "f32": values(3, 2),
        "f16": values(3, 2, dtype=torch.float16),
        "bf16": values(3, 2, dtype=torch.bfloat16),
        "special": torch.tensor([float("inf"), float("-inf"), 1e-42, -0.0]),
        "f16.special": torch.tensor([65504.0, 6e-8, float("inf"), -0.0], dtype=torch.float16),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "i64": torch.tensor([1, 2]),
        "i32": torch.tensor([1, 2], dtype=torch.int32),
        "i16": torch.tensor([1, 2], dtype=torch.int16),
        "i8": torch.tensor([1, 2], dtype=torch.int8),
        "u8": torch.tensor([1, 2], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
    }
    write("types", types, types)
    write("types_stream", types, types, **stream)
    save_file({name: value.clone() for name, value in types.items()}, HERE / "types.safetensors")

    base = values(4, 5, 6)
    views = {
        "transposed": base.transpose(0, 2),
        "permuted": base.permute(1, 2, 0),
        "part": base[1:3, :, 2:5],
        "strided": base[::2, 1::2, ::3],
        "row": base[2, 3],
        "channels_last": values(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "f16_transposed": values(4, 3, dtype=torch.float16).t(),
    }
    write("views", views, views)
    write("views_stream", views, views, **stream)

    shared = values(3, 4)
    tied = {"encoder.weight": shared, "decoder.weight": shared, "first.row": shared[0]}
    write("tied", tied, tied)
    write("tied_stream", tied, tied, **stream)

    marked = torch.nn.Parameter(values(2))
    marked.note = "attributes of a parameter"
    parameters = OrderedDict(
        a=torch.nn.Parameter(values(2, 2)),
        b=torch.nn.Parameter(values(3).half(), requires_grad=False),
        c=marked,
    )
    write("parameters", parameters, parameters)
    write("parameters_stream", parameters, parameters, **stream)

    noted = values(2, 3)
    noted.note = "attributes of a tensor"
    noted_parameter = torch.nn.Parameter(values(3))
    noted_parameter.note = {"no_decay": True}
    attributes = {"tensor": noted, "parameter": noted_parameter, "plain": values(2)}
    write("attributes", attributes, attributes)
    write("attributes_stream", attributes, attributes, **stream)

    left_out = kinds()
    kept = {"negative": torch._neg_view(values(2, 2)), "weight": values(2)}
    beside = {"counter": Counter({3: 1}), "layout": torch.sparse_coo, "device": torch.device("cpu")}
    write("kinds", kept | left_out | beside, kept)
    write("kinds_stream", kept | left_out | beside, kept, **stream)

    layers = network()
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1, momentum=0.9)
    layers[0](values(1, 2, 3, 3)).sum().backward()
    optimizer.step()
    state = layers.state_dict()
    checkpoint = {
        "meta": {
            "epoch": 130,
            "time": "Fri Mar 5 2021",
            "CLASSES": ("tench", "goldfish"),
            "best": np.float64(0.783),
            "array": np.arange(3),
            "tags": {1, 2},
            "size": torch.zeros(2, 3).shape,
            "type": torch.float16,
            "device": torch.device("cpu"),
            "large": 2**70,
            "bytes": b"\x00\xff",
            "complex": 1j,
        },
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "epoch": 130,
        "rate": 0.1,
        "done": True,
        "loss": torch.tensor(0.25),
    }
    write("checkpoint", checkpoint, state)
    write("checkpoint_stream", checkpoint, state, **stream)
    write("nested", {"model": {"state_dict": state}, "args": None}, state)
    write("ema", {"ema": {"module": state, "decay": 0.999}, "step": 7}, state)

    parallel = OrderedDict((f"module.{name}", value) for name, value in state.items())
    write("parallel", {"state_dict": parallel}, parallel)

    mixed = OrderedDict(weight=values(2), version=3, note="text", nested={"a": values(1)}, none=None)
    mixed[5] = values(1)
    write("mixed", mixed, {name: value for name, value in mixed.items() if isinstance(name, str)})


if __name__ == "__main__":
    main()
