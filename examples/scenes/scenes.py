#!/usr/bin/env python3
"""Draws scenes of handwritten digits at many sizes on a textured ground, with the box and the mask of each.

    pip install scikit-learn numpy pillow pycocotools
    python examples/scenes/scenes.py --output scenes        # the 100 test scenes: PNG files, label maps, annotations

Writes `NNN.png`, `NNN_labels.png` (the class of each pixel: 0 for the ground, 1 to 10 for the digits 0 to 9) and
`annotations.json` (COCO, with masks as RLE). Scene number n depends only on n and the seed of its set. Test scenes use
the fifth of scikit-learn's digits that the scenes for training never show, the same fifth as in examples/digits.

Tested with Python 3.11, scikit-learn 1.9.1, numpy 2.4.6, pillow 13.0.0 and pycocotools 2.0.11.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 192, 256
CLASSES = [str(digit) for digit in range(10)]
SEEDS = {"train": 1, "validation": 2, "test": 3}
TEST_SCENES = 100
# Sides of the square of 8x8 cells that a digit is drawn in, in pixels. Its ink fills most of the height.
SMALLEST, LARGEST = 30.0, 112.0
# A cell with more ink than this is part of the digit.
INK = 0.45
# Samples a cell in the enlarged digits.
FINE = 8


def cubic(count, at):
    """Catmull-Rom interpolation of `count` samples at the positions `at`, as a matrix; samples outside are zero."""
    matrix = np.zeros((len(at), count + 4))
    first = np.floor(at).astype(int)
    t = at - first
    weights = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    for tap, weight in enumerate(weights):
        matrix[np.arange(len(at)), np.clip(first + tap - 1 + 2, 0, count + 3)] += weight
    return matrix[:, 2 : count + 2]


def digits(part):
    """The enlarged digits of the set, [n, samples, samples] with ink from 0 to 1, and their labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    loaded = load_digits()
    train, test, train_labels, test_labels = train_test_split(
        loaded.images, loaded.target, test_size=0.2, random_state=0, stratify=loaded.target
    )
    images, labels = (test, test_labels) if part == "test" else (train, train_labels)
    # From one cell outside to one cell outside.
    up = cubic(8, np.arange(-FINE, 8 * FINE + 1) / FINE)
    return np.clip(up @ (images / 16) @ up.T, 0, 1), labels


def sampled(image, y, x):
    """Bilinear interpolation of the image, zero outside."""
    height, width = image.shape
    inside = (y >= 0) & (y < height - 1) & (x >= 0) & (x < width - 1)
    y, x = np.where(inside, y, 0), np.where(inside, x, 0)
    top, left = y.astype(int), x.astype(int)
    dy, dx = y - top, x - left
    upper = image[top, left] * (1 - dx) + image[top, left + 1] * dx
    lower = image[top + 1, left] * (1 - dx) + image[top + 1, left + 1] * dx
    return (upper * (1 - dy) + lower * dy) * inside


def waves(rng, cells):
    """Smooth noise between 0 and 1 with about so many bumps over the height."""
    across = cells * WIDTH // HEIGHT
    grid = rng.random((cells + 3, across + 3))
    down = cubic(cells + 3, 1 + np.arange(HEIGHT) / HEIGHT * cells)
    right = cubic(across + 3, 1 + np.arange(WIDTH) / WIDTH * across)
    return np.clip(down @ grid @ right.T, 0, 1)


def texture(rng):
    """A pattern between 0 and 1: noise, stripes or checks, bent by noise."""
    kind = rng.integers(4)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    noise = waves(rng, int(rng.integers(3, 24)))
    if kind == 0:
        return noise
    angle, period = rng.random() * math.pi, rng.uniform(6, 40)
    bent = noise * rng.uniform(0, 2) * period
    along = (x * math.cos(angle) + y * math.sin(angle) + bent) / period
    across = (y * math.cos(angle) - x * math.sin(angle) + bent) / period
    if kind == 1:
        return 0.5 + 0.5 * np.sin(2 * math.pi * along)
    if kind == 2:
        return 0.5 + 0.5 * np.sin(2 * math.pi * along) * np.sin(2 * math.pi * across)
    return ((np.floor(along) + np.floor(across)) % 2) * 0.6 + 0.4 * noise


LIGHT = np.array([0.299, 0.587, 0.114])


def ground(rng):
    """A coloured and textured canvas [H, W, 3] from 0 to 255."""
    first = rng.random(3) * 255
    second = np.clip(first + rng.normal(0, 40, 3), 0, 255)
    canvas = first + (second - first) * texture(rng)[..., None]
    canvas = canvas + (waves(rng, 2)[..., None] - 0.5) * rng.normal(0, 40, 3)
    return np.clip(canvas + rng.normal(0, rng.uniform(0, 5), (HEIGHT, WIDTH, 1)), 0, 255)


def placed(rng, image):
    """One digit turned, stretched and put somewhere: its rows and columns, how much of each pixel is ink, its mask."""
    side = SMALLEST * (LARGEST / SMALLEST) ** rng.random()
    stretch, angle, slant = rng.uniform(0.8, 1.2), math.radians(rng.uniform(-14, 14)), rng.uniform(-0.15, 0.15)
    cy, cx = rng.uniform(side * 0.4, HEIGHT - side * 0.4), rng.uniform(side * 0.3, WIDTH - side * 0.3)
    reach = int(side * 0.8) + 2
    rows = slice(max(int(cy) - reach, 0), min(int(cy) + reach, HEIGHT))
    columns = slice(max(int(cx) - reach, 0), min(int(cx) + reach, WIDTH))
    y, x = np.mgrid[rows, columns].astype(float)
    y, x = y + 0.5 - cy, x + 0.5 - cx
    v = (y * math.cos(angle) - x * math.sin(angle)) / side * 8
    u = (x * math.cos(angle) + y * math.sin(angle)) / (side * stretch) * 8 + slant * v
    ink = sampled(image, (v + 3.5 + 1) * FINE, (u + 3.5 + 1) * FINE)
    # An edge is about a pixel wide: ink rises by some half a cell's worth within a cell.
    alpha = np.clip((ink - INK) * side / 5 + 0.5, 0, 1)
    return (rows, columns), alpha, ink >= INK


def box_of(mask):
    """x1, y1, x2, y2 around the pixels of a mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def box_overlap(a, b):
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def scene(part, number, pool):
    """The picture [H, W, 3] of bytes, and for each digit its label, the mask of what is seen of it, and its box."""
    images, labels = pool
    rng = np.random.default_rng([SEEDS[part], number])
    canvas = ground(rng)
    found = []
    wanted, tries = rng.integers(4, 11), 0
    while len(found) < wanted and tries < 60:
        tries += 1
        index = rng.integers(len(images))
        (rows, columns), alpha, ink = placed(rng, images[index])
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[rows, columns] = ink
        edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        if edge or ink.sum() < 40:
            continue
        box = box_of(mask)
        if any(box_overlap(box, other["box"]) > 0.2 for other in found):
            continue
        # A digit may hide a little of those below it.
        if any((mask & other["mask"]).sum() > 0.1 * min(mask.sum(), other["mask"].sum()) for other in found):
            continue
        below = (canvas[mask] @ LIGHT).mean()
        colour = rng.random(3) * 255
        while abs(colour @ LIGHT - below) < 75:
            colour = rng.random(3) * 255
        shade = colour + (waves(rng, 3)[rows, columns, None] - 0.5) * rng.normal(0, 20, 3)
        canvas[rows, columns] += (shade - canvas[rows, columns]) * alpha[..., None]
        for other in found:
            other["mask"] &= ~mask
        found.append({"label": int(labels[index]), "mask": mask, "box": box})
    for item in found:
        item["box"] = box_of(item["mask"])
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8), found


def label_map(found):
    """The class of each pixel: 0 for the ground, 1 more than its label for each digit."""
    made = np.zeros((HEIGHT, WIDTH), np.uint8)
    for item in found:
        made[item["mask"]] = item["label"] + 1
    return made


def coco(scenes):
    """COCO annotations of [(file name, digits)]."""
    from pycocotools import mask as rle

    images, made = [], []
    for number, (name, found) in enumerate(scenes, 1):
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for item in found:
            x1, y1, x2, y2 = item["box"]
            code = rle.encode(np.asfortranarray(item["mask"].astype(np.uint8)))
            made.append(
                {
                    "id": len(made) + 1,
                    "image_id": number,
                    "category_id": item["label"] + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(item["mask"].sum()),
                    "iscrowd": 0,
                    "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
                }
            )
    names = [{"id": index, "name": name} for index, name in enumerate(CLASSES, 1)]
    return {"images": images, "annotations": made, "categories": names}


def write(folder, part, count):
    """Draws scenes into a folder, and returns how many digits they have."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    pool, drawn = digits(part), []
    for number in range(count):
        picture, found = scene(part, number, pool)
        name = f"{number:03}.png"
        Image.fromarray(picture).save(folder / name, optimize=True)
        Image.fromarray(label_map(found)).save(folder / f"{number:03}_labels.png", optimize=True)
        drawn.append((name, found))
    (folder / "annotations.json").write_text(json.dumps(coco(drawn)))
    return sum(len(found) for _, found in drawn)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--part", choices=list(SEEDS), default="test")
    parser.add_argument("--count", type=int, default=TEST_SCENES)
    options = parser.parse_args()
    count = write(options.output, options.part, options.count)
    print(f"{options.count} scenes with {count} digits in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
