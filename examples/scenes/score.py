#!/usr/bin/env python3
"""Scores the two shipped networks on the test scenes: as the command line runs them, and as PyTorch does.

    pip install torch scikit-learn safetensors numpy pillow pycocotools
    cargo build --release
    python examples/scenes/score.py

Draws the test scenes, runs `involution detect --json` and `involution segment` on their files, and prints a line for
each network: AP50 by pycocotools or mean IoU of the command line, and that of the same weights in PyTorch in 64 bits.
Exits with 1 if they differ by more than 0.002, or are below 0.90 and 0.85.

Tested with Python 3.11, torch 2.15.0, safetensors 0.8.0, numpy 2.4.6, pillow 13.0.0 and pycocotools 2.0.11.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

# Do not leave a __pycache__ in the folders of the scripts.
sys.dont_write_bytecode = True
import scenes  # noqa: E402
from train import HERE, average_precision, coco_results, mean_iou, network, normalised, twins  # noqa: E402

DIFFERENCE = 0.002


def involve(values, kernels, kernel_size, stride, padding, dilation, groups):
    """`twins.involve` tap by tap, which takes less time and memory where nothing is differentiated."""
    size = twins.out_size(values.shape[2:], kernel_size, stride, padding, dilation)
    n, channels = values.shape[:2]
    padded = F.pad(values, (padding[1], padding[1], padding[0], padding[0])).unflatten(1, (groups, -1))
    kernels = kernels.unflatten(1, (groups, kernel_size[0], kernel_size[1], 1))
    y = values.new_zeros(n, groups, channels // groups, *size)
    for row in range(kernel_size[0]):
        for column in range(kernel_size[1]):
            top, left = row * dilation[0], column * dilation[1]
            rows = slice(top, top + stride[0] * (size[0] - 1) + 1, stride[0])
            columns = slice(left, left + stride[1] * (size[1] - 1) + 1, stride[1])
            y.addcmul_(padded[..., rows, columns], kernels[:, :, row, column])
    return y.flatten(1, 2)


def loaded(path):
    """The network of a file in PyTorch, in 64 bits."""
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    net = network(config)
    # Files of weights leave the counters of batch normalisation out.
    missing, unexpected = net.load_state_dict(load_file(path), strict=False)
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{path}: missing {missing}, unexpected {unexpected}")
    return net.double().eval()


def involution(options, *words):
    command = [str(options.binary), *map(str, words)]
    command += ["--adapter", options.adapter] if options.adapter else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:2])}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def detector(options, files, truth, folder):
    weights = options.detector
    answer = json.loads(involution(options, "detect", "--weights", weights, "--score", 0.05, "--json", *files))
    ours = average_precision(truth, answer["results"])[1]
    masks = average_precision(truth, answer["results"], "segm")[1]
    net, results = loaded(weights), []
    for index, file in enumerate(files, 1):
        with torch.no_grad():
            results += coco_results(index, net(normalised(np.asarray(Image.open(file))[None]).double()))
    twin = average_precision(truth, results)[1]
    extra = f"; of masks {masks:.4f} and {average_precision(truth, results, 'segm')[1]:.4f}"
    return line("involution detect", "AP50", ours, twin, 0.90, extra)


def segmenter(options, files, _, folder):
    involution(options, "segment", "--weights", options.segmenter, "--output", folder / "maps", *files)
    net, ours, twin = loaded(options.segmenter), [], []
    for file in files:
        true = np.asarray(Image.open(file.with_name(f"{file.stem}_labels.png")))
        ours.append((np.asarray(Image.open(folder / "maps" / f"{file.stem}_labels.png")), true))
        with torch.no_grad():
            found = net(normalised(np.asarray(Image.open(file))[None]).double())
        twin.append((found["seg_map"][0, 0].numpy().astype(np.uint8), true))
    classes = len(scenes.CLASSES) + 1
    return line("involution segment", "mIoU", mean_iou(ours, classes), mean_iou(twin, classes), 0.85)


def line(name, figure, ours, twin, least, extra=""):
    good = abs(ours - twin) <= DIFFERENCE and ours >= least
    print(f"{name}: {figure} {ours:.4f}, in PyTorch {twin:.4f}{extra}{'' if good else '  MISS'}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    parser.add_argument("--adapter", help="passed on to the command line")
    parser.add_argument("--count", type=int, default=scenes.TEST_SCENES, help="scenes (default: all)")
    parser.add_argument("--detector", type=Path, default=HERE / "mask_rcnn_digits.safetensors")
    parser.add_argument("--segmenter", type=Path, default=HERE / "semantic_fpn_digits.safetensors")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--only", choices=("detector", "segmenter"), help="score one of the two")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    torch.set_num_threads(options.threads)
    twins.involve = involve
    with tempfile.TemporaryDirectory(prefix="involution-") as folder:
        folder = Path(folder)
        scenes.write(folder, "test", options.count)
        truth = json.loads((folder / "annotations.json").read_text())
        files = [folder / image["file_name"] for image in truth["images"]]
        kinds = {"detector": detector, "segmenter": segmenter}
        good = [run(options, files, truth, folder) for kind, run in kinds.items() if options.only in (None, kind)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
