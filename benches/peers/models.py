"""The workloads of `involution bench --suite peers` in PyTorch, and their models for other libraries.

    python models.py FOLDER NAME...

For each name, such as `W7_rednet50_b1`, reads the inputs and weights that `involution bench peer` wrote and
writes NAME.onnx, and NAME.ncnn.param and .bin by way of pnnx. What cannot be exported leaves NAME.onnx.error or
NAME.ncnn.error with the reason. What was made of the same inputs and weights is kept.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

# Do not leave a __pycache__ in that folder.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import twins


class Involve(nn.Module):
    """The 7x7 involution on its own: both x and the kernels are inputs."""

    def __init__(self, channels, stride):
        super().__init__()
        self.stride, self.groups = stride, channels // 16

    def forward(self, x, kernels):
        return twins.involve(x, kernels, (7, 7), (self.stride,) * 2, (3, 3), (1, 1), self.groups)


class Dynamic(twins.DynamicConv2d):
    """All samples in one grouped convolution: the usual formulation, and faster than one by one."""

    def forward(self, x):
        n, channels, height, width = x.shape
        kernels = self.weight.flatten(1)
        mixed = (self.attention(x) @ kernels).view(-1, *self.weight.shape[2:])
        out = F.conv2d(x.reshape(1, n * channels, height, width), mixed, padding=1, groups=n)
        return out.view(n, -1, height, width)


class NormRelu(nn.BatchNorm2d):
    def forward(self, x):
        return F.relu(super().forward(x))


class Unfold(nn.Module):
    def forward(self, x):
        return F.unfold(x, 7, padding=3)


def convolution(inputs, outputs, kernel, stride=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(conv=conv))


def module(name):
    """The module of a workload, by the name of its files."""
    family, *words = name.split("_")[:-1]
    # c256 is 256, s2 is 2, 3x3 is no number.
    numbers = [int(word.lstrip("cs")) for word in words if word.lstrip("cs").isdigit()]
    kind = words[0]
    if family == "involution":
        net = Involve(numbers[0], stride=numbers[2])
    elif kind == "involution":
        net = twins.Involution2dDli14(numbers[0], 7)
    elif kind == "1x1":
        net = convolution(*numbers[:2], 1)
    elif kind == "7x7s2":
        net = convolution(*numbers[:2], 7, stride=2)
    elif family == "conv":
        # Depthwise, in 32 groups, or neither.
        groups = {"depthwise3x3": numbers[0], "groups32": 32}.get(kind, 1)
        net = convolution(numbers[0], numbers[0], 3, groups=groups)
    elif kind == "dynamic":
        # The middle of its attention has 16 channels, and the temperature is that of the row, not of a training.
        net = Dynamic(64, 64, 3, ratio=15 / 64, padding=1, bias=False)
        net.attention.temperature = 30
    elif kind == "bnrelu":
        net = NormRelu(numbers[0])
    elif kind == "unfold7":
        net = Unfold()
    elif kind == "resnet50":
        net = twins.ResNet50()
    elif kind == "mobilenetv2":
        net = twins.MobileNetV2()
    elif kind.startswith("rednet"):
        net = twins.RedNet.of_depth(int(kind.removeprefix("rednet")), stem_kernel=3)
    else:
        raise ValueError(f"no module for {name}")
    return net.eval()


def load(files):
    """The module of a workload with its weights, and its inputs."""
    tensors = load_file(f"{files}.safetensors")
    net = module(Path(files).name)
    state = {name.removeprefix("weight."): tensor for name, tensor in tensors.items() if name.startswith("weight.")}
    if isinstance(net, twins.RedNet):
        # Written without its two parts, as released files of the network alone are.
        state = {f"{'head' if name.startswith('fc.') else 'backbone'}.{name}": state[name] for name in state}
    # How many batches a normalisation has seen is no weight.
    counts = {name: count for name, count in net.state_dict().items() if name.endswith("num_batches_tracked")}
    net.load_state_dict(state | counts)
    return net, [tensors[f"input.{index}"] for index in range(sum(name.startswith("input.") for name in tensors))]


def to_onnx(files):
    net, inputs = load(files)
    names = [f"input{index}" for index in range(len(inputs))]
    with warnings.catch_warnings(), torch.no_grad():
        # torch's legacy exporter: the new one needs another package.
        warnings.simplefilter("ignore")
        torch.onnx.export(net, tuple(inputs), f"{files}.onnx", input_names=names, opset_version=18, dynamo=False)


def to_ncnn(files):
    """Exports one sample: ncnn has no batches."""
    net, inputs = load(files)
    inputs = [tensor[:1] for tensor in inputs]
    shapes = ",".join(f"[{','.join(map(str, tensor.shape))}]f32" for tensor in inputs)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = Path(folder) / "net.pt"
        torch.jit.trace(net, tuple(inputs)).save(str(traced))
        pnnx = Path(sys.executable).with_name("pnnx")
        command = [str(pnnx), str(traced), f"inputshape={shapes}", "fp16=0"]
        ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for end in ("param", "bin"):
            made = Path(folder) / f"net.ncnn.{end}"
            if not made.exists():
                raise RuntimeError(f"pnnx made no model: {ran.stdout.strip().splitlines()[-1:]}")
            Path(f"{files}.ncnn.{end}").write_bytes(made.read_bytes())


def export(files, form, write):
    """Writes the model for these inputs and weights unless it exists, or the reason why there is none."""
    digest = hashlib.sha256(Path(f"{files}.safetensors").read_bytes()).hexdigest()
    made_of, reason = Path(f"{files}.{form}.of"), Path(f"{files}.{form}.error")
    if made_of.exists() and made_of.read_text() == digest:
        return
    made_of.unlink(missing_ok=True)
    reason.unlink(missing_ok=True)
    try:
        write(files)
        made_of.write_text(digest)
        print(f"{Path(files).name}: {form}", flush=True)
    except Exception as error:  # Whatever it is, the others go on without this model.
        text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        reason.write_text(f"the export failed: {text}\n")
        print(f"{Path(files).name}: {form}: {text}", file=sys.stderr, flush=True)


def main():
    folder, *names = sys.argv[1:]
    for name in names:
        files = os.path.join(folder, name)
        export(files, "onnx", to_onnx)
        export(files, "ncnn", to_ncnn)


if __name__ == "__main__":
    main()
