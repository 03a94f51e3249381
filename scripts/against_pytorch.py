#!/usr/bin/env python3
"""Compares the command line with PyTorch on random calls of every operator.

    pip install torch safetensors numpy
    cargo build --release
    python scripts/against_pytorch.py --cases 200 --seed 0
    python scripts/against_pytorch.py --cases 300 --family

Tested with Python 3.11, torch 2.15.0, safetensors 0.8.0 and numpy 2.4.6.

Each call has random shapes, values and valid attributes. It runs through

    involution op NAME --attr key=value ... --input in.safetensors --output out.safetensors

and passes if the largest error against PyTorch in 64 bits is at most 1e-5 of the largest result. A call depends only
on the seed and its index, so `--only INDEX` repeats it. The input and output of a failed call are kept. Exits with 1
if a call fails.
"""

import argparse
import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
# The PyTorch operators are in the script that writes the golden files. Do not leave a __pycache__ there.
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "goldens"))
import make  # noqa: E402
from family import FAMILY  # noqa: E402
from make import OPERATORS, compute, geometry, random_tensor, sides, window_counts  # noqa: E402

TOLERANCE = 1e-5
# A result of very few elements can be one sum that cancels, which leaves no scale for an error.
FEWEST_RESULTS = 16

ACTIVATIONS = ("none", "relu", "relu6", "sigmoid", "silu")
DEFAULTS = {
    "stride": "1",
    "padding": "0",
    "dilation": "1",
    "groups": "1",
    "channel_order": "blocked",
    "border": "zero",
    "upsample": "1",
    "softmax": "false",
    "kernel_layout": "taps_first",
    "heads": "1",
    "scale": "1",
    "mask": "false",
    "activation": "none",
    "eps": "1e-5",
    "temperature": "1",
    "ceil_mode": "false",
    "count_include_pad": "true",
    "axis": "-1",
    "output_padding": "0",
    "spatial_scale": "1",
    "sampling_ratio": "0",
    "aligned": "true",
}


# ---------------------------------------------------------------------------------------------
# Drawing calls


def some_defaults_unsaid(rng, op, attrs):
    """The attributes, some of those with their default value dropped at random."""
    # The stride of a pool defaults to its kernel.
    defaults = DEFAULTS | ({"stride": None} if op in ("avg_pool2d", "max_pool2d", "avg_pool3d", "max_pool3d") else {})
    return {key: text for key, text in attrs.items() if text != defaults.get(key) or rng.random() < 0.5}


def pair_text(rng, height, width):
    return str(height) if height == width and rng.random() < 0.7 else f"{height}x{width}"


def draw_pair(rng, choices):
    """Two values, equal half of the time."""
    first = rng.choice(choices)
    return first, first if rng.random() < 0.5 else rng.choice(choices)


def draw_size(rng):
    """A random height and width: mostly small, odd or even."""
    highest = 64 if rng.random() < 0.15 else 20
    return rng.randint(1, highest), rng.randint(1, highest)


def draw_channels(rng):
    return rng.randint(1, 64 if rng.random() < 0.15 else 12)


def draw_window(rng, size, strides=(1, 1, 1, 2, 3, 5), dilations=(1, 1, 1, 2, 3), within_kernel=False):
    """A window that fits `size`: its kernel, and its attributes without the kernel.

    `within_kernel` keeps the padding below what the window covers, as pooling asks.
    """
    while True:
        kernel = draw_pair(rng, (1, 2, 3, 3, 4, 5, 7))
        stride = draw_pair(rng, strides)
        dilation = draw_pair(rng, dilations)
        covered = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
        most = [c - 1 if within_kernel else 4 for c in covered]
        padding = rng.choice(("none", "valid", "same", "full", "even", "even", "uneven"))
        if padding == "none":
            padding = "0"
        elif padding == "even":
            padding = pair_text(rng, rng.randint(0, min(most[0], 4)), rng.randint(0, min(most[1], 4)))
        elif padding == "uneven":
            padding = ",".join(str(rng.randint(0, min(most[side % 2], 4))) for side in range(4))
        top, left, bottom, right = sides(padding, kernel, dilation)
        if size[0] + top + bottom >= covered[0] and size[1] + left + right >= covered[1]:
            break
    attrs = {
        "stride": pair_text(rng, *stride),
        "padding": padding,
        "dilation": pair_text(rng, *dilation),
    }
    return kernel, attrs


def draw_unfold(rng):
    size = draw_size(rng)
    kernel, attrs = draw_window(rng, size)
    attrs["kernel_size"] = pair_text(rng, *kernel)
    return attrs, {"x": (rng.randint(1, 3), rng.randint(1, 8), *size)}


def draw_fold(rng):
    size = draw_size(rng)
    kernel, attrs = draw_window(rng, size)
    rows, columns = window_counts(size, kernel, *geometry(attrs, kernel))
    attrs |= {"kernel_size": pair_text(rng, *kernel), "output_size": f"{size[0]}x{size[1]}"}
    return attrs, {"x": (rng.randint(1, 3), rng.randint(1, 8) * kernel[0] * kernel[1], rows * columns)}


def draw_conv2d(rng):
    size = draw_size(rng)
    kernel, attrs = draw_window(rng, size)
    channels = draw_channels(rng)
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    groups = rng.choice((1, 1, rng.choice(divisors), channels))
    out_channels = groups * rng.randint(1, max(1, 24 // groups))
    attrs |= {"groups": str(groups), "activation": rng.choice(ACTIVATIONS)}
    shapes = {
        "x": (rng.randint(1, 3), channels, *size),
        "weight": (out_channels, channels // groups, *kernel),
    }
    return attrs, shapes | ({"bias": (out_channels,)} if rng.random() < 0.5 else {})


def draw_dynamic_conv2d(rng):
    attrs, shapes = draw_conv2d(rng)
    kernels = rng.randint(1, 5)
    for tensor in shapes.keys() & {"weight", "bias"}:
        shapes[tensor] = (kernels, *shapes[tensor])
    return attrs, shapes | {"attention": (shapes["x"][0], kernels)}


def draw_plain_involution(rng):
    size = draw_size(rng)
    kernel, attrs = draw_window(rng, size)
    counts = window_counts(size, kernel, *geometry(attrs, kernel))
    batch, groups = rng.randint(1, 3), rng.randint(1, 5)
    channels = groups * rng.randint(1, 6)
    attrs |= {
        "kernel_size": pair_text(rng, *kernel),
        "groups": str(groups),
        "channel_order": rng.choice(("blocked", "interleaved")),
        "activation": rng.choice(ACTIVATIONS),
    }
    taps = groups * kernel[0] * kernel[1]
    return attrs, {"x": (batch, channels, *size), "kernel": (batch, taps, *counts)}


def draw_involution(rng):
    """Half of them with another border, normalised taps or an output that is larger than the positions."""
    attrs, shapes = draw_plain_involution(rng)
    if rng.random() < 0.5:
        return attrs, shapes
    kernel, size = make.pair(attrs["kernel_size"]), list(shapes["x"][2:])
    attrs |= {
        "border": rng.choice(("zero", "reflect", "replicate", "shift")),
        "upsample": rng.choice(("1", "1", "2", "3")),
        "softmax": rng.choice(("true", "false")),
        "kernel_layout": rng.choice(("taps_first", "taps_last", "before_pixel_shuffle")),
    }
    if attrs["border"] == "shift":
        attrs |= {"stride": "1", "padding": "same"}
    _, padding, dilation = geometry(attrs, kernel)
    for axis in range(2):
        if attrs["border"] == "shift":
            size[axis] = max(size[axis], kernel[axis] * dilation[axis])
        elif attrs["border"] == "reflect":
            size[axis] = max(size[axis], 1 + padding[axis], 1 + padding[axis + 2])
    x = (*shapes["x"][:2], *size)
    return attrs, {"x": x, "kernel": make.involution_kernel(attrs, x)}


def draw_span_involution(rng):
    attrs, shapes = draw_plain_involution(rng)
    batch, taps, *counts = shapes.pop("kernel")
    reduced = rng.randint(1, 9)
    shapes |= {"reduced": (batch, reduced, *counts), "weight": (taps, reduced, 1, 1)}
    if rng.random() < 0.5:
        shapes["bias"] = (taps,)
    if rng.random() < 0.5:
        shapes |= {tensor: (shapes["x"][1],) for tensor in ("scale", "shift")}
    return attrs, shapes


def draw_batch_norm(rng):
    channels = draw_channels(rng)
    shapes = {
        "x": (rng.randint(1, 4), channels, *(rng.randint(1, 20) for _ in range(rng.choice((0, 1, 2, 2, 3))))),
        "running_mean": (channels,),
        "running_var": (channels,),
    }
    if rng.random() < 0.6:
        shapes |= {"weight": (channels,), "bias": (channels,)}
    return {"eps": rng.choice(("1e-5", "1e-3", "0.1")), "activation": rng.choice(ACTIVATIONS)}, shapes


def draw_shape(rng):
    rank = rng.randint(1, 4)
    return tuple(rng.randint(1, 500 if rank == 1 else 17) for _ in range(rank))


def draw_activation(rng):
    return {"activation": rng.choice(ACTIVATIONS)}, {"x": draw_shape(rng)}


def draw_pool(rng, **window):
    size = draw_size(rng)
    kernel, attrs = draw_window(rng, size, within_kernel=True, **window)
    attrs |= {"kernel_size": pair_text(rng, *kernel), "ceil_mode": rng.choice(("true", "false"))}
    if rng.random() < 0.3:
        del attrs["stride"]
    return attrs, {"x": (rng.randint(1, 3), draw_channels(rng), *size)}


def draw_avg_pool2d(rng):
    attrs, shapes = draw_pool(rng, dilations=(1,))
    del attrs["dilation"]
    return attrs | {"count_include_pad": rng.choice(("true", "false"))}, shapes


def draw_max_pool2d(rng):
    return draw_pool(rng)


def draw_global_avg_pool(rng):
    size = draw_size(rng) if rng.random() < 0.7 else [rng.randint(1, 9) for _ in range(rng.choice((1, 3)))]
    return {}, {"x": (rng.randint(1, 4), draw_channels(rng), *size)}


def draw_adaptive_avg_pool2d(rng):
    size = draw_size(rng)
    output = [rng.randint(1, side + rng.choice((0, 0, 5))) for side in size]
    shape = (rng.randint(1, 3), draw_channels(rng), *size)
    return {"output_size": pair_text(rng, *output)}, {"x": shape}


def draw_softmax(rng):
    shape = draw_shape(rng)
    axis = rng.randrange(-len(shape), len(shape))
    return {"axis": str(axis), "temperature": rng.choice(("1", "1", "30", "0.5", "3.7"))}, {"x": shape}


def draw_linear(rng):
    inputs, outputs = (rng.randint(1, 300 if rng.random() < 0.15 else 40) for _ in range(2))
    before = (rng.randint(1, 9) for _ in range(rng.randint(0, 3)))
    shapes = {"x": (*before, inputs), "weight": (outputs, inputs)}
    if rng.random() < 0.5:
        shapes["bias"] = (outputs,)
    return {"activation": rng.choice(ACTIVATIONS)}, shapes


def draw_add(rng):
    shape = draw_shape(rng)

    def narrowed():
        kept = [1 if rng.random() < 0.25 else n for n in shape]
        return tuple(kept[rng.randrange(len(kept)) if rng.random() < 0.3 else 0 :])

    return {"activation": rng.choice(ACTIVATIONS)}, {"x": narrowed(), "y": narrowed()}


# Newer operators are drawn beside their definition.
DRAWS = {op: globals().get(f"draw_{op}") or getattr(make, f"draw_{op}") for op in OPERATORS}


def draw_call(op, seed, index):
    """The call of this index: attributes, inputs and PyTorch's result."""
    rng = random.Random(f"{seed}/{index}")
    while op in FAMILY:
        torch.manual_seed(rng.getrandbits(63))
        attrs, tensors, result = FAMILY[op](rng)
        expected = result(*(tensor.double() for tensor in tensors.values()))
        if expected.numel() >= FEWEST_RESULTS:
            return attrs, tensors, expected
    while True:
        attrs, shapes = DRAWS[op](rng)
        attrs = some_defaults_unsaid(rng, op, attrs)
        torch.manual_seed(rng.getrandbits(63))
        tensors = {tensor: random_tensor(tensor, shape) for tensor, shape in shapes.items()}
        expected = compute(op, attrs, tensors)
        # All taps of a dilated maximum can fall on padding: the result is then minus infinity.
        if expected.isfinite().all() and expected.numel() >= FEWEST_RESULTS:
            return attrs, tensors, expected


# ---------------------------------------------------------------------------------------------
# Running and comparing


def command_line(options, op, attrs, source, result):
    command = [str(options.binary), "op", op]
    for key, text in attrs.items():
        command += ["--attr", f"{key}={text}"]
    command += ["--input", str(source), "--output", str(result)]
    return command + (["--adapter", options.adapter] if options.adapter else [])


def run(command, result, expected):
    """The error relative to the largest result, and the failure, if there is one."""
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        return float("inf"), f"exit status {finished.returncode}: {finished.stderr.strip()}"
    out = load_file(result).get("out") if result.is_file() else None
    if out is None:
        return float("inf"), "no output"
    if out.shape != expected.shape:
        return float("inf"), f"shape {list(out.shape)} instead of {list(expected.shape)}"
    error = (out.double() - expected).abs().max().item()
    largest = expected.abs().max().item()
    relative = error / largest if largest else (0.0 if error == 0 else float("inf"))
    # Negated, so that NaN fails as well.
    if not relative <= TOLERANCE:
        return relative, f"error {error:.3g}, largest result {largest:.3g}"
    return relative, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200, help="how many calls (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="which calls (default 0)")
    parser.add_argument("--family", action="store_true", help="operators under the names of other libraries")
    parser.add_argument("--op", choices=[*OPERATORS, *FAMILY], help="calls of this operator alone")
    parser.add_argument("--only", type=int, metavar="INDEX", help="run only this call")
    parser.add_argument("--adapter", help="passed on to the command line")
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.binary.is_file():
        parser.error(f"no binary at {options.binary}")

    ops = [options.op] if options.op else list(FAMILY if options.family else OPERATORS)
    calls, misses, worst = ({op: 0 for op in ops} for _ in range(3))
    folder = Path(tempfile.mkdtemp(prefix="involution-"))
    for index in range(options.cases) if options.only is None else [options.only]:
        op = ops[index % len(ops)]
        attrs, tensors, expected = draw_call(op, options.seed, index)
        source = folder / f"{index}-{op}-in.safetensors"
        result = folder / f"{index}-{op}-out.safetensors"
        save_file(tensors, source)
        command = command_line(options, "involution" if op in FAMILY else op, attrs, source, result)
        relative, problem = run(command, result, expected)
        calls[op] += 1
        worst[op] = max(worst[op], relative if relative == relative else float("inf"))
        if problem:
            misses[op] += 1
            shapes = ", ".join(f"{name} {list(t.shape)}" for name, t in tensors.items())
            print(f"MISS call {index}, {op}: {problem}")
            print(f"  {shapes}")
            print(f"  {shlex.join(command)}")
            again = [sys.executable, sys.argv[0], "--seed", str(options.seed), "--only", str(index)]
            again += ["--op", options.op] if options.op else []
            again += ["--family"] if options.family else []
            again += ["--binary", str(options.binary)]
            again += ["--adapter", options.adapter] if options.adapter else []
            print(f"  {shlex.join(again)}", flush=True)
        else:
            source.unlink()
            result.unlink()
    if not any(misses.values()):
        folder.rmdir()

    print(f"{'operator':20} {'calls':>6} {'misses':>7} {'worst error / largest':>22}")
    for op in ops:
        print(f"{op:20} {calls[op]:6} {misses[op]:7} {worst[op]:22.2e}")
    print(f"{'total':20} {sum(calls.values()):6} {sum(misses.values()):7} {max(worst.values()):22.2e}")
    return 1 if any(misses.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
