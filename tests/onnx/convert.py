#!/usr/bin/env python3
"""Converts the operator test cases of the ONNX project into files for the tests of this library.

    pip install onnx==1.22.0 numpy safetensors
    python tests/onnx/convert.py

The cases come with the onnx package (Apache-2.0), below onnx/backend/test/data/node. The committed
files were made with Python 3.11, onnx 1.22.0, numpy 2.4.6 and safetensors 0.8.0.

A converted case is `cases/<ONNX case>.safetensors`: 32-bit inputs under this crate's names, the
result that ONNX expects as `out`, and as metadata `op`, `attrs` (JSON, every value the text that the
command line takes) and `source` (the ONNX case). `skipped.json` has the reason for every case of
these operators that is not converted.

Conversions (values stay as they are unless stated):
- one-dimensional windows become two-dimensional ones of height 1;
- automatic padding becomes explicit: top, left, bottom, right;
- Gemm becomes `linear`: x and the weight are transposed as `linear` needs them, and a bias of one
  element is repeated. Its factors are multiplied into the weight and the bias where the products are
  exact in 32 bits;
- Clip becomes the activation with the same bounds, if there is one.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from safetensors.numpy import save

HERE = Path(__file__).resolve().parent
NODES = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
LARGEST = 64 * 1024  # bytes of tensors in one case
# ONNX writes this result down to four decimals, which is less than the tests here compare.
ROUNDED = ("test_averagepool_2d_ceil_last_window_starts_on_pad",)


class Skip(Exception):
    """The case has no counterpart here; the message says why."""


def need(condition, reason):
    if not condition:
        raise Skip(reason)


def joined(values, separator="x"):
    return separator.join(str(value) for value in values)


def window(options, x, kernel):
    """Kernel, stride, padding and dilation of a window operator, in two dimensions."""
    rank = len(kernel)
    stride = list(options.get("strides", [1] * rank))
    dilation = list(options.get("dilations", [1] * rank))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    auto = options.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        size = x.shape[2:]
        # As many windows as strides start on the input; what they overhang is the padding.
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(size, stride, reach)]
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        before, after = (less, more) if auto == "SAME_UPPER" else (more, less)
    elif auto == "VALID":
        before, after = [0] * rank, [0] * rank
    else:
        pads = list(options.get("pads", [0] * 2 * rank))
        before, after = pads[:rank], pads[rank:]
    if rank == 1:
        kernel, stride, dilation = [1, *kernel], [1, *stride], [1, *dilation]
        before, after = [0, *before], [0, *after]
    return {
        "kernel_size": joined(kernel),
        "stride": joined(stride),
        "padding": joined(before + after, ","),
        "dilation": joined(dilation),
    }


def flat(array):
    """An array of one spatial dimension with a height of 1 put before it; others as they are."""
    return array[:, :, None, :] if array.ndim == 3 else array


def need_planar(x):
    need(x.ndim in (3, 4), f"{x.ndim - 2} spatial dimensions")


def conv(options, inputs, out):
    x, weight, *bias = inputs
    need_planar(x)
    attrs = window(options, x, weight.shape[2:])
    del attrs["kernel_size"]
    attrs["groups"] = str(options.get("group", 1))
    tensors = {"x": flat(x), "weight": flat(weight), "out": flat(out)}
    return "conv2d", attrs, tensors | ({"bias": bias[0]} if bias else {})


def pool(options, inputs, out):
    (x,) = inputs
    need_planar(x)
    attrs = window(options, x, options["kernel_shape"])
    attrs["ceil_mode"] = "true" if options.get("ceil_mode") else "false"
    return attrs, {"x": flat(x), "out": flat(out)}


def average_pool(options, inputs, out):
    attrs, tensors = pool(options, inputs, out)
    need(attrs.pop("dilation") == "1x1", "avg_pool2d has no dilation")
    attrs["count_include_pad"] = "true" if options.get("count_include_pad") else "false"
    return "avg_pool2d", attrs, tensors


def max_pool(options, inputs, out):
    attrs, tensors = pool(options, inputs, out)
    return "max_pool2d", attrs, tensors


def global_average_pool(options, inputs, out):
    return "global_avg_pool", {}, {"x": inputs[0], "out": out}


def batch_normalization(options, inputs, out):
    need(not options.get("training_mode"), "training mode")
    x, weight, bias, mean, var = inputs
    # The shortest text that reads back as the same 32-bit number.
    attrs = {"eps": str(np.float32(options.get("epsilon", 1e-5)))}
    tensors = {"x": x, "running_mean": mean, "running_var": var, "weight": weight, "bias": bias, "out": out}
    return "batch_norm", attrs, tensors


def activation(name):
    def convert(options, inputs, out):
        return "activation", {"activation": name}, {"x": inputs[0], "out": out}

    return convert


def swish(options, inputs, out):
    need(options.get("alpha", 1.0) == 1.0, "silu has no alpha")
    return activation("silu")(options, inputs, out)


def clip(options, inputs, out):
    low, high = (*inputs[1:], None, None)[:2]
    bounds = tuple(None if bound is None else float(bound) for bound in (low, high))
    same = {(None, None): "none", (0.0, None): "relu", (0.0, 6.0): "relu6"}
    need(bounds in same, f"no activation has the bounds {bounds[0]} and {bounds[1]}")
    return activation(same[bounds])(options, inputs[:1], out)


def softmax(options, inputs, out):
    return "softmax", {"axis": str(options.get("axis", -1))}, {"x": inputs[0], "out": out}


def scaled(array, factor, what):
    """The array times the factor, if no product needs rounding."""
    exact = array.astype(np.float64) * factor
    rounded = exact.astype(np.float32)
    need((rounded == exact).all(), f"{what} {np.float32(factor)} does not scale exactly in 32 bits")
    return rounded


def gemm(options, inputs, out):
    x, weight, *bias = inputs
    x = x.T if options.get("transA") else x
    weight = weight if options.get("transB") else weight.T
    tensors = {"x": x, "weight": scaled(weight, options.get("alpha", 1.0), "alpha"), "out": out}
    if bias:
        columns = np.atleast_1d(bias[0])
        need(columns.shape[-1] == columns.size, "a bias that differs by row")
        bias = np.broadcast_to(columns.reshape(-1), len(weight))
        tensors["bias"] = scaled(bias, options.get("beta", 1.0), "beta")
    return "linear", {}, tensors


def add(options, inputs, out):
    return "add", {}, {"x": inputs[0], "y": inputs[1], "out": out}


CONVERTERS = {
    "Conv": conv,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "MaxPool": max_pool,
    "BatchNormalization": batch_normalization,
    "Relu": activation("relu"),
    "Sigmoid": activation("sigmoid"),
    "Swish": swish,
    "Clip": clip,
    "Softmax": softmax,
    "Gemm": gemm,
    "Add": add,
}


def read(folder, kind, count):
    arrays = []
    for index in range(count):
        tensor = onnx.TensorProto.FromString((folder / f"{kind}_{index}.pb").read_bytes())
        arrays.append(numpy_helper.to_array(tensor))
    return arrays


def convert(folder, node):
    need(folder.name not in ROUNDED, "the expected result is rounded to four decimals")
    need(len(node.output) == 1, "several outputs")
    need([f.name for f in folder.glob("test_data_set_*")] == ["test_data_set_0"], "several data sets")
    data = folder / "test_data_set_0"
    # Inputs that are left out have an empty name and no file.
    given = [bool(name) for name in node.input]
    files = iter(read(data, "input", sum(given)))
    inputs = [next(files) if there else None for there in given]
    (out,) = read(data, "output", 1)
    arrays = [array for array in (*inputs, out) if array is not None]
    for array in arrays:
        need(array.dtype == np.float32, f"{array.dtype} tensors")
    options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    op, attrs, tensors = CONVERTERS[node.op_type](options, inputs, out)
    size = sum(array.nbytes for array in tensors.values())
    need(size <= LARGEST, f"{size} bytes of tensors")
    return op, attrs, tensors


def write(path, tensors, metadata):
    """Writes a safetensors file whose bytes are the same in every run."""
    data = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata)
    # The library puts metadata in an order that changes: put it back in ours, in the same room.
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end]) | {"__metadata__": metadata}
    text = json.dumps(header, separators=(",", ":")).encode().ljust(end - 8)
    assert len(text) == end - 8
    path.write_bytes(data[:8] + text + data[end:])


def main():
    cases = HERE / "cases"
    cases.mkdir(exist_ok=True)
    for old in cases.glob("*.safetensors"):
        old.unlink()
    converted, skipped = {}, {}
    for folder in sorted(NODES.iterdir()):
        name = folder.name
        nodes = onnx.load(folder / "model.onnx").graph.node
        # A case may come a second time with its operator written out in simpler ones.
        plain = name.partition("_expanded")[0]
        if plain != name:
            if plain in converted or plain in skipped:
                skipped[name] = f"{plain} with the operator written out in others"
            continue
        if len(nodes) != 1 or nodes[0].op_type not in CONVERTERS:
            continue
        try:
            op, attrs, tensors = convert(folder, nodes[0])
        except Skip as reason:
            skipped[name] = str(reason)
            continue
        metadata = {"op": op, "attrs": json.dumps(attrs), "source": name}
        write(cases / f"{name}.safetensors", tensors, metadata)
        converted[name] = op
    (HERE / "skipped.json").write_text(json.dumps(skipped, indent=2) + "\n")
    for op in sorted(set(converted.values())):
        print(f"{op:16} {list(converted.values()).count(op):3} cases")
    size = sum(path.stat().st_size for path in cases.iterdir())
    print(f"{len(converted)} converted, {size} bytes; {len(skipped)} skipped")


if __name__ == "__main__":
    main()
