#!/usr/bin/env python3
"""Compares CARAFE with the files that mmcv tests its own with.

    git clone --depth 1 --filter=blob:none https://github.com/open-mmlab/mmcv
    pip install numpy safetensors
    cargo build --release
    python scripts/against_mmcv.py mmcv/tests/data/for_carafe

The folder has features [2, 64, 3, 3], masks [2, 100, 6, 6] of 5x5 taps for four groups, and what mmcv's kernel made of them.
Passes if the largest error is at most 1e-5 of the largest result.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="mmcv's tests/data/for_carafe")
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    options = parser.parse_args()

    def tensor(name, *shape):
        return np.fromfile(options.folder / f"carafe_{name}.bin", dtype=np.float32).reshape(shape)

    expected = tensor("output", 2, 64, 6, 6)
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "in.safetensors", Path(folder) / "out.safetensors"
        save_file({"x": tensor("feat", 2, 64, 3, 3), "kernel": tensor("mask", 2, 100, 6, 6)}, source)
        attributes = ("kernel_size=5", "padding=2", "groups=4", "upsample=2")
        command = [str(options.binary.resolve()), "op", "involution", "--input", str(source), "--output", str(result)]
        subprocess.run([*command, *(word for text in attributes for word in ("--attr", text))], check=True)
        out = load_file(result)["out"]
    relative = np.abs(out - expected).max() / np.abs(expected).max()
    print(f"largest error / largest result: {relative:.2e}")
    # Negated, so that NaN fails as well.
    return 1 if not relative <= 1e-5 else 0


if __name__ == "__main__":
    sys.exit(main())
