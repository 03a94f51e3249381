"""Writes small masks, and the run lengths that pycocotools makes of them, to masks.json.

    python crates/involution-cli/tests/masks/make.py

The unit test of src/coco.rs reads them. Needs pycocotools and numpy.
"""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

HERE = Path(__file__).parent


def masks():
    rng = np.random.default_rng(0)
    yield "empty", np.zeros((5, 7), bool)
    yield "full", np.ones((5, 7), bool)
    yield "one pixel", np.ones((1, 1), bool)
    yield "no pixel of one", np.zeros((1, 1), bool)
    yield "row", rng.random((1, 40)) < 0.5
    yield "column", rng.random((40, 1)) < 0.5
    for density in [0.05, 0.5, 0.95]:
        yield f"noise {density}", rng.random((13, 21)) < density
    y, x = np.mgrid[0:60, 0:90]
    yield "disc", (y - 30) ** 2 + (x - 41) ** 2 < 25**2
    yield "stripes", (x // 7) % 2 == 0
    # Runs longer than one letter and than two, and differences below zero.
    yield "long runs", (x > 3) & (x != 30) & (x != 31)
    yield "corner", (y < 2) & (x < 2)
    yield "last pixel", (y == 59) & (x == 89)


def main():
    cases = []
    for name, mask in masks():
        code = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        size = [int(side) for side in code["size"]]
        segmentation = {"size": size, "counts": code["counts"].decode()}
        rows = ["".join("#" if value else "." for value in row) for row in mask]
        cases.append({"name": name, "segmentation": segmentation, "rows": rows})
    (HERE / "masks.json").write_text(json.dumps({"masks": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
