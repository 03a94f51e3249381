#!/usr/bin/env python3
"""What the networks of examples/scenes find in PyTorch, in 64 bits, on their four test scenes: scenes.safetensors.

    pip install torch scikit-learn safetensors numpy pillow
    python tests/goldens/make_scenes.py

Of each scene, 180x250 pixels in the upper left are the image; the rest is zero, as padding is. The originals are said to be
twice as high and wide for the detector, and half for the segmenter. Tested with torch 2.15.0.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
SCENES = HERE.parent.parent / "examples" / "scenes"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCENES))
from score import loaded  # noqa: E402
from train import normalised  # noqa: E402

VALID = (180, 250)
FILES = {"detector": "mask_rcnn_digits.safetensors", "segmenter": "semantic_fpn_digits.safetensors"}


def main():
    nets = {kind: loaded(SCENES / name) for kind, name in FILES.items()}
    found = {}
    for number in range(4):
        name = f"{number:03}"
        picture = np.asarray(Image.open(SCENES / "test" / f"{name}.png").convert("RGB"))
        x = normalised(picture[None]).double()
        x[:, :, VALID[0] :], x[:, :, :, VALID[1] :] = 0, 0
        with torch.no_grad():
            result = nets["detector"](x, VALID, (2 * VALID[0], 2 * VALID[1]))
            labels = nets["segmenter"](x, VALID, (VALID[0] // 2, VALID[1] // 2))["seg_map"]
        for key in ("det_boxes", "det_scores", "det_labels"):
            found[f"{name}.{key}"] = result[key].float()
        found[f"{name}.areas"] = result["masks"].double().flatten(1).sum(1).float()
        found[f"{name}.seg_map"] = labels.half()
    save_file({name: tensor.contiguous() for name, tensor in found.items()}, HERE / "scenes.safetensors")


if __name__ == "__main__":
    main()
