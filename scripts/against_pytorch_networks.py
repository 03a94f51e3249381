#!/usr/bin/env python3
"""Compares the networks and layers of the command line with PyTorch.

    pip install torch safetensors numpy
    cargo build --release
    python scripts/against_pytorch_networks.py

Tested with Python 3.11, torch 2.15.0, safetensors 0.8.0 and numpy 2.4.6.

The weights are random, with batch normalisation calibrated to the input; without that, activations can overflow.
Networks run through

    involution forward MODEL --weights FILE.pth --input x.safetensors --output out.safetensors

with weights in both formats of torch.save, inside a checkpoint dictionary, in channels_last order, and in safetensors files.
Each of logits and the feature maps (c2 to c5, of LSNet c3 to c6) passes if its largest error against PyTorch in 64 bits is at most 1e-4 of its largest value, and each
image has to have the class that PyTorch gives it. Layers run through

    involution layer NAME --attr key=value ... --weights FILE --input x.safetensors --output out.safetensors

with weights from safetensors or .pth files, with and without the counters of batch normalisation, and a tolerance of
1e-5. With --precision f16, the device stores half precision: the tolerances are 2e-2 for logits, 1e-1 for feature maps
and 5e-3 for layers. What a layer does not support, such as an odd size with a stride, must be refused with exit status
2 and no output.

A case depends only on its name and the seed. The files of failed cases are kept. Exits with 1 if a case fails.
"""

import argparse
import collections
import shlex
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

# Do not leave a __pycache__ in the folder of the scripts.
sys.dont_write_bytecode = True
from twins import NETWORKS, calibrate, layer, randomise

# By precision: of logits, of feature maps, of layers.
TOLERANCES = {"f32": (1e-4, 1e-4, 1e-5), "f16": (2e-2, 1e-1, 5e-3)}

# ---------------------------------------------------------------------------------------------
# The cases

# Name, model, options of the PyTorch network, format of the weights, and the batches and sizes to run.
Network = collections.namedtuple("Network", "name model options form runs")
EVERY_SIZE = [(1, 224), (3, 224), (1, 160), (3, 160)]
NETWORK_CASES = [
    Network("rednet26-stem3", "rednet26", {"stem_kernel": 3}, "zip", EVERY_SIZE),
    Network("rednet26-stem7", "rednet26", {"stem_kernel": 7}, "nested", EVERY_SIZE),
    Network("rednet50-stem3", "rednet50", {"stem_kernel": 3}, "nested", EVERY_SIZE),
    Network("rednet50-stem7", "rednet50", {"stem_kernel": 7}, "zip", EVERY_SIZE),
    Network("rednet26-legacy", "rednet26", {"stem_kernel": 3}, "legacy", [(1, 160)]),
    Network("rednet26-channels-last", "rednet26", {"stem_kernel": 7}, "channels-last", [(1, 160)]),
    Network("lsnet_t", "lsnet_t", {}, "model", [(1, 224), (3, 224)]),
    Network("lsnet_t-160", "lsnet_t", {"image_size": 160}, "safetensors", [(1, 160), (3, 160)]),
    Network("lsnet_t-distill", "lsnet_t", {"distillation": True}, "model", [(3, 224)]),
    Network("lsnet_s", "lsnet_s", {}, "safetensors", [(1, 224), (3, 224)]),
    Network("lsnet_s-160", "lsnet_s", {"image_size": 160}, "zip", [(1, 160), (3, 160)]),
    Network("lsnet_b", "lsnet_b", {}, "zip", [(1, 224), (3, 224)]),
    Network("lsnet_b-160", "lsnet_b", {"image_size": 160}, "model", [(1, 160), (3, 160)]),
    Network("resnet50", "resnet50", {}, "zip", [(1, 224)]),
    Network("mobilenet_v2", "mobilenet_v2", {}, "legacy", [(1, 224)]),
]

# Layer, attributes, shape of the input. A case to be refused also has the attributes of the layer whose weights it gets;
# "" if only the input does not fit.
Layer = collections.namedtuple("Layer", "name attrs shape refused")
LAYER_CASES = []


def pairs(attributes):
    return dict(attribute.split("=") for attribute in attributes.split())


def case(name, attributes, *shape, refused=None):
    LAYER_CASES.append(Layer(name, pairs(attributes), shape, refused))


# Channels of every remainder by 4, tails of rows and of images, one group and many.
case("involution2d_dli14", "channels=16 kernel_size=7 stride=1", 1, 16, 8, 8)
case("involution2d_dli14", "channels=64 kernel_size=7 stride=1", 2, 64, 14, 14)
case("involution2d_dli14", "channels=64 kernel_size=7 stride=2", 2, 64, 14, 14)
case("involution2d_dli14", "channels=32 kernel_size=3 stride=1", 2, 32, 13, 11)
case("involution2d_dli14", "channels=32 kernel_size=5 stride=1", 1, 32, 17, 9)
case("involution2d_dli14", "channels=256 kernel_size=7 stride=2", 1, 256, 28, 28)
case("involution2d_dli14", "channels=512 kernel_size=7 stride=1", 1, 512, 7, 7)
case("involution2d_dli14", "channels=48 kernel_size=3 stride=3 group_channels=8", 3, 48, 9, 12)
case("involution2d_dli14", "channels=20 kernel_size=3 stride=1 group_channels=4", 2, 20, 6, 31)
case(
    "involution2d_dli14",
    "channels=12 kernel_size=5 stride=1 group_channels=1 reduction_ratio=2",
    2,
    12,
    10,
    7,
)
case(
    "involution2d_dli14",
    "channels=30 kernel_size=7 stride=1 group_channels=15 reduction_ratio=5",
    1,
    30,
    9,
    65,
)
case(
    "involution2d_dli14",
    "channels=64 kernel_size=9 stride=1 group_channels=32 reduction_ratio=1",
    1,
    64,
    12,
    12,
)
case("involution2d_dli14", "channels=16 kernel_size=1 stride=1", 2, 16, 5, 9)
case(
    "involution2d_dli14",
    "channels=96 kernel_size=7 stride=2 group_channels=96 reduction_ratio=8",
    1,
    96,
    10,
    34,
)
case("involution2d_dli14", "channels=16 kernel_size=3 stride=2", 1, 16, 9, 9, refused="")
case("involution2d_dli14", "channels=40 kernel_size=3 stride=1", 1, 40, 8, 8, refused="group_channels=8")

ONE = "stride=1 padding=1 dilation=1 groups=1 reduce_ratio=1 bias=false"
case("involution2d_reich", "in_channels=8 out_channels=8", 2, 8, 12, 12)
case("involution2d_reich", f"in_channels=4 out_channels=4 kernel_size=3 {ONE}", 1, 4, 9, 7)
case("involution2d_reich", f"in_channels=4 out_channels=6 kernel_size=3 {ONE}", 2, 4, 9, 7)
case(
    "involution2d_reich",
    "in_channels=16 out_channels=32 kernel_size=7 stride=5x1 padding=3 dilation=1 sigma_mapping=sigmoid",
    16,
    16,
    400,
    1,
)
for sigma in ("bn_relu", "sigmoid"):
    for bias in ("true", "false"):
        rest = f"bias={bias} sigma_mapping={sigma}"
        case(
            "involution2d_reich",
            f"in_channels=12 out_channels=12 kernel_size=5 stride=1 padding=2 dilation=1 groups=3 "
            f"reduce_ratio=2 {rest}",
            2,
            12,
            11,
            13,
        )
        case(
            "involution2d_reich",
            f"in_channels=6 out_channels=10 kernel_size=3x5 stride=2 padding=1x2 dilation=1 groups=2 "
            f"reduce_ratio=1 {rest}",
            2,
            6,
            10,
            14,
        )
        case(
            "involution2d_reich",
            f"in_channels=8 out_channels=16 kernel_size=5x3 stride=1x2 padding=4x3 dilation=2x3 groups=4 "
            f"reduce_ratio=4 {rest}",
            3,
            8,
            15,
            18,
        )
        case(
            "involution2d_reich",
            f"in_channels=9 out_channels=9 kernel_size=3 stride=3 padding=1 dilation=1 groups=9 "
            f"reduce_ratio=3 {rest}",
            1,
            9,
            12,
            21,
        )
        case(
            "involution2d_reich",
            f"in_channels=5 out_channels=5 kernel_size=4x3 stride=1 padding=1 dilation=1 groups=5 "
            f"reduce_ratio=1 force_shape_match=true {rest}",
            2,
            5,
            11,
            9,
        )
MATCHED = "in_channels=6 out_channels=4 padding=1 groups=2 force_shape_match=true"
case("involution2d_reich", f"{MATCHED} kernel_size=5 stride=1 dilation=1", 2, 6, 13, 17)
case("involution2d_reich", f"{MATCHED} kernel_size=3 stride=1 dilation=2", 1, 6, 19, 8)
case("involution2d_reich", f"{MATCHED} kernel_size=3 stride=2 dilation=1", 2, 6, 13, 17)
case("involution2d_reich", f"{MATCHED} kernel_size=3 stride=3x2 dilation=1", 1, 6, 20, 15)
UNMATCHED = MATCHED.replace("true", "false")
case("involution2d_reich", f"{UNMATCHED} kernel_size=3 stride=2 dilation=1", 2, 6, 13, 17, refused="")
case("involution2d_reich", f"{UNMATCHED} kernel_size=5 stride=1 dilation=1", 1, 6, 13, 17, refused="")
case(
    "involution2d_reich",
    "in_channels=6 out_channels=8 kernel_size=3 padding=1 groups=4",
    1,
    6,
    8,
    8,
    refused="groups=2",
)

case("involution1d", "in_channels=8 out_channels=8", 2, 8, 40)
for sigma, bias in (("bn_relu", "false"), ("sigmoid", "true"), ("bn_relu", "true")):
    rest = f"bias={bias} sigma_mapping={sigma}"
    case(
        "involution1d",
        f"in_channels=4 out_channels=4 kernel_size=3 padding=1 {rest}",
        1,
        4,
        33,
    )
    case(
        "involution1d",
        f"in_channels=12 out_channels=18 kernel_size=7 stride=3 padding=3 groups=6 reduce_ratio=2 {rest}",
        3,
        12,
        63,
    )
    case(
        "involution1d",
        f"in_channels=8 out_channels=16 kernel_size=5 padding=6 dilation=3 groups=4 reduce_ratio=4 {rest}",
        2,
        8,
        129,
    )
case("involution1d", "in_channels=6 out_channels=6 kernel_size=4 padding=1 force_shape_match=true", 2, 6, 25)
case(
    "involution1d",
    "in_channels=6 out_channels=3 stride=2 padding=3 groups=3 force_shape_match=true",
    2,
    6,
    31,
)
case("involution1d", "in_channels=6 out_channels=3 stride=2 padding=3 groups=3", 2, 6, 31, refused="")

for attributes, *shape in (
    ("dim=16 num_heads=2 kernel_size=7", 2, 16, 9, 12),
    ("dim=12 num_heads=3 kernel_size=5x3 dilation=1x2 qkv_bias=true", 1, 12, 11, 8),
    ("dim=8 num_heads=1 kernel_size=3 mask=true rel_pos_bias=true", 2, 8, 6, 7),
    ("dim=24 num_heads=4 kernel_size=9 mask=true", 1, 24, 5, 5),
    ("dim=32 num_heads=4 kernel_size=7 border=shift qkv_bias=true", 1, 32, 14, 13),
    ("dim=32 num_heads=2 kernel_size=3 border=shift qkv_bias=true rel_pos_bias=true dilation=2x3", 2, 32, 9, 11),
    ("dim=18 num_heads=3 kernel_size=13 border=shift rel_pos_bias=true", 1, 18, 13, 17),
):
    case("local_attention2d", attributes, *shape)
case("local_attention2d", "dim=16 num_heads=2 kernel_size=7 border=shift", 1, 16, 6, 9, refused="")

for dims, name in ((2, "dynamic_conv2d"), (1, "dynamic_conv1d"), (3, "dynamic_conv3d")):
    for attributes, batch, channels, *size in (
        ("in_planes=8 out_planes=8 kernel_size=3", 2, 8, 11, 14),
        ("in_planes=3 out_planes=16 kernel_size=3 padding=1 temperature=1", 4, 3, 16, 15),
        ("in_planes=16 out_planes=24 kernel_size=1 ratio=0.25 K=4 temperature=1 bias=false", 3, 16, 9, 7),
        ("in_planes=10 out_planes=15 kernel_size=5 stride=2 padding=2 groups=5 temperature=4", 2, 10, 17, 12),
        (
            "in_planes=6 out_planes=9 kernel_size=3 stride=3 padding=4 dilation=4 K=3 temperature=1",
            2,
            6,
            19,
            22,
        ),
        ("in_planes=12 out_planes=12 kernel_size=3 padding=1 groups=12 K=8 temperature=1", 5, 12, 8, 21),
        ("in_planes=64 out_planes=40 kernel_size=3 padding=1 K=2 temperature=34 bias=false", 2, 64, 14, 14),
        ("in_planes=7 out_planes=5 kernel_size=4 K=1 ratio=0.125 temperature=1", 1, 7, 13, 9),
    ):
        case(name, attributes, batch, channels, *(*([7] * (dims - 2)), *size)[:dims])
    case(
        name,
        "in_planes=8 out_planes=8 kernel_size=3 temperature=0",
        1,
        8,
        *[9] * dims,
        refused="temperature=1",
    )

# Volumes: the involution as intended, and with the windows and taps of the released one mixed up.
for released in ("false", "true"):
    for sigma, bias in (("bn_relu", "false"), ("sigmoid", "true")):
        rest = f"bias={bias} sigma_mapping={sigma} compatible_with_released={released}"
        for attributes, *shape in (
            ("in_channels=4 out_channels=4 kernel_size=3 padding=1", 2, 4, 4, 6, 5),
            ("in_channels=6 out_channels=8 kernel_size=3 padding=1 stride=2 groups=2 reduce_ratio=2", 1, 6, 4, 8, 10),
            ("in_channels=8 out_channels=8 groups=4 reduce_ratio=4", 1, 8, 3, 9, 8),
            ("in_channels=5 out_channels=5 kernel_size=5x3x1 stride=1x2x1 padding=0x0x0 force_shape_match=true", 2, 5, 6, 7, 4),
            ("in_channels=3 out_channels=6 kernel_size=1 padding=0 groups=3", 2, 3, 2, 5, 7),
            ("in_channels=2 out_channels=4 kernel_size=4x2x2 padding=1 force_shape_match=true", 1, 2, 5, 6, 8),
        ):
            case("involution3d", f"{attributes} {rest}", *shape)
INTENDED = "in_channels=4 out_channels=4 groups=2"
case("involution3d", f"{INTENDED} kernel_size=3x5x3 padding=1x2x1", 2, 4, 3, 6, 5)
case("involution3d", f"{INTENDED} kernel_size=3 padding=2x2x1 dilation=2x2x1", 1, 4, 5, 6, 7)
case("involution3d", f"{INTENDED} kernel_size=3 padding=1 stride=2", 1, 4, 5, 6, 7, refused="")
MIXED = f"{INTENDED} compatible_with_released=true"
case("involution3d", f"{MIXED} kernel_size=3x5x3 padding=1x2x1", 2, 4, 3, 6, 5, refused="compatible_with_released=false")
case("involution3d", f"{MIXED} kernel_size=3 padding=2 dilation=2", 1, 4, 5, 6, 7, refused="compatible_with_released=false")

for attributes, *shape in (
    ("in_channels=3 out_channels=8 kernel_size=3 padding=1", 2, 3, 4, 9, 8),
    ("in_channels=12 out_channels=18 kernel_size=3 stride=2 padding=1 groups=3 bias=false", 1, 12, 5, 8, 11),
    ("in_channels=16 out_channels=32 kernel_size=1", 2, 16, 3, 5, 7),
    ("in_channels=6 out_channels=6 kernel_size=2x3x5 stride=1x2x1 padding=0x1x2 dilation=2x1x1 groups=6", 2, 6, 5, 7, 9),
):
    case("conv3d", attributes, *shape)

for attributes, batch, channels, *size in (
    ("in_channels=3 out_channels=8 kernel_size=3 stride=1 padding=1 dilation=1 bias=true", 2, 3, 15, 13),
    ("in_channels=32 out_channels=64 kernel_size=3 stride=2 padding=1 dilation=1 bias=false", 2, 32, 28, 28),
    ("in_channels=17 out_channels=5 kernel_size=5 stride=1 padding=2 dilation=1 bias=true", 1, 17, 9, 33),
    ("in_channels=24 out_channels=48 kernel_size=7 stride=3 padding=3 dilation=1 bias=true", 2, 24, 20, 22),
    ("in_channels=12 out_channels=12 kernel_size=3 stride=1 padding=4 dilation=4 bias=false", 3, 12, 21, 10),
    (
        "in_channels=10 out_channels=20 kernel_size=3x5 stride=2x1 padding=1x2 dilation=1x2 bias=true",
        2,
        10,
        13,
        16,
    ),
    ("in_channels=6 out_channels=7 kernel_size=1 stride=1 padding=0 dilation=1 bias=true", 4, 6, 5, 5),
):
    case("separable_conv2d", attributes, batch, channels, *size)

case("carafe", "channels=16 scale_factor=2", 1, 16, 9, 12)
case("carafe", "channels=6 scale_factor=3 compressed_channels=5 up_kernel=3", 2, 6, 7, 5)
case("carafe", "channels=12 scale_factor=2 up_kernel=7 up_group=4 compressed_channels=8 encoder_kernel=5", 2, 12, 8, 11)
case("carafe", "channels=8 scale_factor=4 up_group=2 encoder_dilation=2", 1, 8, 6, 10)
case("carafe", "channels=8 scale_factor=2", 1, 12, 6, 10, refused="")
case("light_conv1d", "input_size=16 kernel_size=7 num_heads=4", 2, 16, 33)
case("light_conv1d", "input_size=12 kernel_size=5 num_heads=12 padding_l=2 bias=true", 3, 12, 20)
case("light_conv1d", "input_size=12 kernel_size=31 num_heads=3 padding_l=15 channel_order=interleaved", 1, 12, 64)
case("light_conv1d", "input_size=6 kernel_size=4 num_heads=2 weight_softmax=false bias=true", 2, 6, 3)
case("light_conv1d", "kernel_size=4 num_heads=2", 2, 6, 9, refused="input_size=6")
case("dynamic_light_conv1d", "input_size=16 kernel_size=7 num_heads=4", 2, 16, 33)
case("dynamic_light_conv1d", "input_size=12 kernel_size=5 num_heads=3 padding_l=2 bias=true conv_bias=true", 3, 12, 20)
case("dynamic_light_conv1d", "input_size=8 kernel_size=15 num_heads=8 padding_l=7", 1, 8, 129)
case("dynamic_light_conv1d", "input_size=6 kernel_size=4 num_heads=2 weight_softmax=false", 2, 6, 3)
case("san_pairwise", "in_planes=64 rel_planes=4 out_planes=16 share_planes=8 kernel_size=7", 1, 64, 14, 14)
case("san_pairwise", "in_planes=6 rel_planes=3 out_planes=8 share_planes=2 kernel_size=3", 2, 6, 9, 5)
case("san_pairwise", "in_planes=8 rel_planes=2 out_planes=12 share_planes=4 kernel_size=5", 2, 8, 7, 8)
case("san_patchwise", "in_planes=64 rel_planes=4 out_planes=16 share_planes=8 kernel_size=7", 1, 64, 14, 14)
case("san_patchwise", "in_planes=6 rel_planes=3 out_planes=8 share_planes=2 kernel_size=3", 2, 6, 9, 5)
case("san_patchwise", "in_planes=8 rel_planes=2 out_planes=12 share_planes=4 kernel_size=5", 2, 8, 7, 8)
case("san_patchwise", "in_planes=6 rel_planes=3 out_planes=8 share_planes=2 kernel_size=7", 1, 6, 3, 9, refused="")

# ---------------------------------------------------------------------------------------------
# Files


def without_counters(state):
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def save_network(state, path, form):
    """Saves the weights in a safetensors file, or in one of the formats of a .pth file."""
    if form == "safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
        return
    if form == "channels-last":
        for name, tensor in state.items():
            if tensor.dim() == 4:
                state[name] = tensor.to(memory_format=torch.channels_last)
    if form == "nested":
        state = {"meta": {"epoch": 130, "top1": 77.25, "classes": None, "time": "now"}, "state_dict": state}
    if form == "model":
        state = {"model": state, "epoch": 299, "scaler": {"scale": 65536.0}}
    torch.save(state, path, _use_new_zipfile_serialization=form != "legacy")


def save_layer(state, folder, index):
    """Saves the weights in one of four formats, in turn."""
    if index // 2 % 2:
        state = without_counters(state)
    path = folder / ("weights.pth" if index % 2 else "weights.safetensors")
    if index % 2:
        torch.save(state, path)
    else:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


# ---------------------------------------------------------------------------------------------
# Running and comparing


def execute(options, words, folder, weights):
    """Runs the command line on the files of the folder: the command, its status, its messages, its output."""
    output = folder / "out.safetensors"
    output.unlink(missing_ok=True)
    command = [str(options.binary), *words, "--weights", str(weights)]
    command += ["--input", str(folder / "x.safetensors"), "--output", str(output)]
    command += ["--adapter", options.adapter] if options.adapter else []
    command += ["--precision", options.precision]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
        status, said = finished.returncode, finished.stderr.strip()
    except subprocess.TimeoutExpired:
        status, said = -1, f"no end after {options.timeout} s"
    tensors = None
    if output.is_file():
        try:
            tensors = load_file(output)
        except Exception as problem:  # a file that no reader takes is a miss, not an end
            said += f" (cannot read the output: {problem})"
    return command, status, said, tensors


def error(out, expected):
    """The largest error over the largest value, or the reason why there is none."""
    if out is None:
        return float("inf"), "no such output"
    if out.shape != expected.shape:
        return float("inf"), f"shape {list(out.shape)} instead of {list(expected.shape)}"
    if out.dtype != torch.float32:
        return float("inf"), f"{out.dtype} instead of float32"
    relative = ((out.double() - expected).abs().max() / expected.abs().max()).item()
    # NaN counts as the worst.
    return (relative, None) if relative == relative else (float("inf"), "not a number")


class Report:
    """A row for each case, and a summary."""

    def __init__(self):
        self.ran, self.missed, self.refused, self.worst = 0, [], 0, collections.Counter()

    def row(self, kind, name, problem, relative, detail, command, seconds):
        self.ran += 1
        self.refused += relative is None
        if relative is not None:
            self.worst[kind] = max(self.worst[kind], relative)
        figure = " refused" if relative is None else f"{relative:8.1e}"
        print(f"{'MISS' if problem else 'ok':4} {figure} {seconds:6.1f} s  {name}{detail}", flush=True)
        if problem:
            self.missed.append(name)
            print(f"     {problem}")
            print(f"     {shlex.join(command)}", flush=True)
        return not problem

    def summary(self):
        worst = ", ".join(f"{kind} {self.worst[kind]:.1e}" for kind in self.worst) or "none"
        print(f"{self.ran} cases ({self.refused} refused), {len(self.missed)} misses; worst: {worst}")
        for name in self.missed:
            print(f"  missed: {name}")
        return 1 if self.missed or not self.ran else 0


def emptied(folder, passed):
    """Removes the files of a case that passed."""
    if passed:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def run_network(options, report, network, runs, root):
    seed = zlib.crc32(f"{options.seed}/{network.name}".encode())
    net = randomise(NETWORKS[network.model](**network.options), seed)
    for name, (batch, size) in runs:
        folder = root / name.replace("/", "-")
        folder.mkdir()
        torch.manual_seed(zlib.crc32(f"{options.seed}/{name}".encode()))
        x = torch.randn(batch, 3, size, size)
        calibrate(net.float(), x)
        weights = folder / ("weights.safetensors" if network.form == "safetensors" else "weights.pth")
        save_network(net.state_dict(), weights, network.form)
        net.double()
        with torch.no_grad():
            expected = {"logits": net(x.double())} | net.feature_maps(x.double())
        save_file({"x": x}, folder / "x.safetensors")
        start = time.monotonic()
        command, status, said, found = execute(options, ["forward", network.model], folder, weights)
        seconds = time.monotonic() - start
        problem, errors = None, {}
        if status != 0 or found is None:
            problem, relative = f"exit status {status}: {said or 'no output'}", float("inf")
        else:
            wrong = []
            for output, wanted in expected.items():
                errors[output], trouble = error(found.get(output), wanted)
                # Negated, so that NaN fails as well.
                tolerance = TOLERANCES[options.precision][0 if output == "logits" else 1]
                if trouble or not errors[output] <= tolerance:
                    wrong.append(f"{output}: {trouble or format(errors[output], '.1e')}")
            if "logits" in found and not torch.equal(found["logits"].argmax(1), expected["logits"].argmax(1)):
                wrong.append("other classes")
            problem, relative = "; ".join(wrong), max(errors.values())
        detail = "".join(f"  {output} {value:.1e}" for output, value in errors.items())
        emptied(folder, report.row("networks", name, problem, relative, detail, command, seconds))


def run_layer(options, report, index, name, chosen, root):
    seed = zlib.crc32(f"{options.seed}/{chosen.name}/{chosen.attrs}/{chosen.shape}".encode())
    torch.manual_seed(seed)
    # A mean for each sample and channel: attention over means would otherwise see next to nothing.
    x = torch.randn(chosen.shape) + torch.randn(*chosen.shape[:2], *[1] * (len(chosen.shape) - 2))
    folder = root / name
    folder.mkdir()
    expected = None
    net = randomise(layer(chosen.name, chosen.attrs | pairs(chosen.refused or "")), seed)
    if chosen.refused is not None:
        net.eval()
    else:
        calibrate(net, x)
    weights = save_layer(net.state_dict(), folder, index)
    save_file({"x": x}, folder / "x.safetensors")
    if chosen.refused is None:
        with torch.no_grad():
            expected = net.double()(x.double())

    words = ["layer", chosen.name]
    for key, text in chosen.attrs.items():
        words += ["--attr", f"{key}={text}"]
    start = time.monotonic()
    command, status, said, found = execute(options, words, folder, weights)
    seconds = time.monotonic() - start
    problem, relative = None, None
    if chosen.refused is not None:
        if status != 2 or found is not None or not said:
            problem = f"exit status {status} instead of 2: {said}"
    elif status != 0 or found is None:
        problem, relative = f"exit status {status}: {said or 'no output'}", float("inf")
    else:
        relative, problem = error(found.get("out"), expected)
        # Negated, so that NaN fails as well.
        if not problem and not relative <= TOLERANCES[options.precision][2]:
            problem = f"error {relative:.2e} of the largest result"
    shape = "x".join(str(n) for n in chosen.shape)
    detail = f"  {shape}  " + " ".join(f"{key}={text}" for key, text in chosen.attrs.items())
    emptied(folder, report.row("layers", name, problem, relative, detail, command, seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="run the cases with this in their names, such as rednet50, layer or involution1d-3; may repeat",
    )
    parser.add_argument("--seed", type=int, default=0, help="which weights and inputs (default 0)")
    parser.add_argument("--adapter", help="passed on to the command line")
    parser.add_argument("--precision", choices=list(TOLERANCES), default="f32", help="how the device stores tensors")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for a case (default 600)")
    parser.add_argument("--threads", type=int, help="threads of PyTorch")
    parser.add_argument("--list", action="store_true", help="print the names of the cases, run nothing")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.list and not options.binary.is_file():
        parser.error(f"no binary at {options.binary}")
    if options.threads:
        torch.set_num_threads(options.threads)

    def wanted(name):
        return not options.only or any(text in name for text in options.only)

    layers, numbers = [], collections.Counter()
    for index, chosen in enumerate(LAYER_CASES):
        name = f"{chosen.name}-{numbers[chosen.name]}"
        numbers[chosen.name] += 1
        if wanted(f"layer-{name}"):
            layers.append((index, name, chosen))
    networks = []
    for network in NETWORK_CASES:
        runs = [(f"{network.name}/{batch}x{size}", (batch, size)) for batch, size in network.runs]
        runs = [run for run in runs if wanted(f"network-{run[0]}")]
        if runs:
            networks.append((network, runs))
    if options.list:
        for _, name, _ in layers:
            print(name)
        for _, runs in networks:
            for name, _ in runs:
                print(name)
        return 0

    report = Report()
    root = Path(tempfile.mkdtemp(prefix="involution-"))
    for index, name, chosen in layers:
        run_layer(options, report, index, name, chosen, root)
    for network, runs in networks:
        run_network(options, report, network, runs, root)
    if report.missed:
        print(f"files of the misses: {root}")
    else:
        root.rmdir()
    return report.summary()


if __name__ == "__main__":
    sys.exit(main())
