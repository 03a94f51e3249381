"""Writes pictures as detectors trained with OpenCV get them: as large as fits, by its bilinear interpolation.

    python tests/images/make_resized.py

resized.safetensors has cases that are called INDEX_LONG_SHORT: the picture from/CASE [H, W, C] is scaled until it just
fits into sides LONG and SHORT, which gives to/CASE.

tests/image/bilinear.rs reads them. Needs opencv-python-headless, numpy and safetensors.
"""

from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent

# Height, width, and the sides: up, down, by odd factors, by exactly two, not at all, and from or to one pixel.
CASES = [
    (13, 21, 21, 13),
    (13, 21, 50, 29),
    (13, 21, 50, 40),
    (13, 21, 8, 5),
    (21, 13, 40, 33),
    (13, 21, 42, 26),
    (24, 36, 18, 12),
    (24, 36, 12, 8),
    (24, 36, 35, 24),
    (24, 36, 37, 36),
    (31, 47, 46, 31),
    (31, 47, 48, 33),
    (31, 47, 1, 1),
    (31, 47, 2, 1),
    (47, 31, 3, 2),
    (1, 1, 9, 7),
    (1, 17, 40, 5),
    (1, 17, 6, 6),
    (17, 1, 40, 5),
    (17, 1, 5, 40),
    (2, 2, 65, 63),
    (7, 11, 101, 97),
    (64, 96, 79, 53),
    (60, 96, 95, 59),
]


def main():
    arrays = {}
    for index, (height, width, long, short) in enumerate(CASES):
        for channels in [3, 1]:
            rng = np.random.default_rng(10 * index + channels)
            picture = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
            factor = min(long / max(height, width), short / min(height, width))
            # OpenCV has no pictures without pixels.
            to_width, to_height = (max(int(side * factor + 0.5), 1) for side in (width, height))
            resized = cv2.resize(picture, (to_width, to_height), interpolation=cv2.INTER_LINEAR)
            case = f"{2 * index + channels // 2}_{long}_{short}"
            arrays[f"from/{case}"] = picture
            arrays[f"to/{case}"] = np.ascontiguousarray(resized.reshape(to_height, to_width, channels))
    save_file(arrays, HERE / "resized.safetensors", {"opencv": cv2.__version__})


if __name__ == "__main__":
    main()
