#!/usr/bin/env python3
"""Trains a small RedNet on scikit-learn's digits, and writes all other files of this folder except README.md.

    pip install torch scikit-learn safetensors numpy pillow
    python examples/digits/train.py

Tested with Python 3.11, torch 2.15.0, scikit-learn 1.9.1, safetensors 0.8.0, numpy 2.4.6 and pillow 13.0.0; takes a few
minutes on one CPU core. The same seed gives the same weights on the same machine. Elsewhere the last bits differ, and
perhaps the class of a digit or two.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
# Do not leave a __pycache__ in the folder of the scripts.
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
from twins import RedNet, randomise  # noqa: E402

CONFIG = {
    "in_channels": 1,
    "stem_channels": 32,
    "stem_stride": 1,
    "stem_kernel": 3,
    "max_pool": False,
    "blocks": (2, 2),
    "widths": (64, 128),
    "strides": (1, 2),
    "kernel_size": 7,
    "group_channels": 16,
    "classes": 10,
}
CLASSES = range(10)


def data():
    """Training and test images, normalised, with their labels: a fixed fifth of each digit is for testing."""
    digits = load_digits()
    parts = train_test_split(
        digits.images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    train, test, train_labels, test_labels = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)

    def normalised(images):
        return ((images / 16 - 0.5) / 0.5).float().unsqueeze(1)

    return normalised(train), train_labels.long(), normalised(test), test_labels.long()


def moved(x):
    """Rotates, scales and shifts a random half of the images a little."""
    n = len(x)
    some = (torch.rand(n) < 0.5).float()
    angle = some * (torch.rand(n) * 2 - 1) * math.radians(10)
    scale = 1 + some * (torch.rand(n) * 2 - 1) * 0.08
    # The grid is 2 wide, so half a pixel is an eighth.
    shift = some[:, None] * (torch.rand(n, 2) * 2 - 1) / 8
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(rows, list(x.shape), align_corners=False)
    # Background is -1, and what lies outside of an image reads as 0.
    return F.grid_sample(x + 1, grid, align_corners=False) - 1


def train(net, x, labels, epochs, batch, rate):
    decayed = [weight for weight in net.parameters() if weight.dim() > 1]
    others = [weight for weight in net.parameters() if weight.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.15)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for chosen in torch.randperm(len(x))[: len(x) // batch * batch].view(-1, batch):
            loss = F.cross_entropy(net(moved(x[chosen])), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            # The kernels of an involution are unbounded, so a gradient can be far too large.
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3}  loss {total / (len(x) // batch):.4f}", flush=True)


def confusion(labels, answers):
    """Rows are the digits, columns the answers."""
    table = torch.zeros(10, 10, dtype=torch.long)
    for label, answer in zip(labels.tolist(), answers.tolist()):
        table[label, answer] += 1
    return table


def enlarged(image):
    """A picture of 64x64: each pixel of the image as a square."""
    grey = ((image * 0.5 + 0.5) * 255).round().to(torch.uint8).numpy()
    return Image.fromarray(grey).resize((64, 64), Image.NEAREST)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write to (default: this one)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    x, labels, test_x, test_labels = data()
    net = randomise(RedNet(**CONFIG), options.seed)
    parameters = sum(weight.numel() for weight in net.parameters())
    print(f"{len(x)} images to train on, {len(test_x)} to test, {parameters} parameters", flush=True)
    train(net, x, labels, options.epochs, options.batch, options.rate)

    net.eval()
    state = {
        name: tensor.float().contiguous()
        for name, tensor in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with torch.no_grad():
        logits = net.double()(test_x.double())
        fitted = (net(x.double()).argmax(1) == labels).double().mean().item()
    answers = logits.argmax(1)
    table = confusion(test_labels, answers)
    right = int(table.diagonal().sum())
    accuracy = right / len(test_x)
    print(f"training accuracy {fitted:.4f}")
    print(f"test accuracy {accuracy:.4f}: {right} of {len(test_x)}")
    print(table)

    metadata = {
        "model": "rednet_digits",
        "config": json.dumps(CONFIG),
        "input": "[n, 1, 8, 8], (grey / 255 - 0.5) / 0.5, light ink on dark ground",
        "labels": json.dumps([str(digit) for digit in CLASSES]),
        "test_accuracy": f"{accuracy:.4f}",
        "data": "scikit-learn load_digits (UCI optical recognition of handwritten digits), CC BY 4.0",
    }
    save_file(state, options.output / "rednet_digits.safetensors", metadata)
    results = {"x": test_x, "labels": test_labels.float(), "logits": logits.float()}
    save_file(results, options.output / "test.safetensors", {"model": "rednet_digits"})

    # Of each digit, the first test image that is recognised, and still is after a bilinear reduction.
    for digit in CLASSES:
        for index in torch.nonzero((test_labels == digit) & (answers == digit)).flatten().tolist():
            picture = enlarged(test_x[index, 0])
            reduced = np.asarray(picture.resize((8, 8), Image.BILINEAR), dtype=np.float64) / 255
            with torch.no_grad():
                again = net(torch.from_numpy((reduced - 0.5) / 0.5)[None, None])
            if int(again.argmax()) == digit:
                picture.save(options.output / f"{digit}.png", optimize=True)
                print(f"{digit}.png is test image {index}")
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
