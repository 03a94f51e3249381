#!/usr/bin/env python3
"""Compares `involution run` with ONNX Runtime on photographs, for MobileNetV2 with trained weights.

    pip install torch onnx onnxruntime scikit-image scikit-learn pillow numpy
    python scripts/fetch_mobilenet.py
    cargo build --release
    python scripts/against_onnxruntime.py --weights weights/mobilenet_v2-b0353104.pth

Tested with Python 3.11, torch 2.15.0, onnx 1.23.2, onnxruntime 1.31.1, scikit-image 0.26.0, scikit-learn 1.9.1,
pillow 13.0.0 and numpy 2.4.6.

The photographs ship with scikit-image (chelsea, coffee) and scikit-learn (china). For ONNX Runtime, pillow prepares
them: RGB, short side resized to 256 (bilinear), centre crop of 224x224, ImageNet mean and deviation. A photograph
passes if both put the same class first and the two probabilities differ by at most 0.005.

`--reference-only` runs ONNX Runtime alone and prints its results. Exits with 1 if a photograph fails.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import skimage
import sklearn
import torch
from PIL import Image

# Do not leave a __pycache__ in the folder of the scripts.
sys.dont_write_bytecode = True
from twins import MobileNetV2

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.005
PHOTOGRAPHS = {
    "chelsea": Path(skimage.__file__).parent / "data" / "chelsea.png",
    "coffee": Path(skimage.__file__).parent / "data" / "coffee.png",
    "china": Path(sklearn.__file__).parent / "datasets" / "images" / "china.jpg",
}
# ONNX Runtime's results when this was written: index and probability.
KNOWN = {"chelsea": (285, 0.717), "coffee": (967, 0.992), "china": (698, 0.692)}


def prepared(path):
    """The photograph as the network's input: [1, 3, 224, 224]."""
    photograph = Image.open(path).convert("RGB")
    width, height = photograph.size
    short = min(width, height)
    photograph = photograph.resize((width * 256 // short, height * 256 // short), Image.BILINEAR)
    left, top = (int(round((side - 224) / 2.0)) for side in photograph.size)
    values = np.asarray(photograph.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    values = (values - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return values.transpose(2, 0, 1)[None]


def exported(weights, path):
    """An ONNX Runtime session of the network, exported to `path`."""
    net = MobileNetV2()
    net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    with warnings.catch_warnings():
        # torch's legacy exporter: the new one needs another package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(), (torch.zeros(1, 3, 224, 224),), str(path), input_names=["x"], dynamo=False
        )
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def probabilities(session, path):
    (logits,) = session.run(None, {"x": prepared(path)})
    powers = np.exp(logits[0].astype(np.float64) - logits[0].max())
    return powers / powers.sum()


def ours(options):
    """The results of the command line for each photograph, in order, and the failures."""
    command = [str(options.binary), "run", *map(str, PHOTOGRAPHS.values()), "--model", "mobilenet_v2"]
    command += ["--weights", str(options.weights), "--top", "5", "--json"]
    command += ["--adapter", options.adapter] if options.adapter else []
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
    except subprocess.TimeoutExpired:
        return None, f"no end after {options.timeout} s\n{shlex.join(command)}"
    if finished.returncode != 0:
        return None, f"exit status {finished.returncode}: {finished.stderr.strip()}\n{shlex.join(command)}"
    try:
        images = json.loads(finished.stdout)["images"]
        answers = [
            [(found["index"], found["label"], found["probability"]) for found in image["predictions"]]
            for image in images
        ]
    except (ValueError, KeyError, TypeError) as problem:
        return None, f"not the JSON that was expected ({problem!r}): {finished.stdout[:500]}"
    if len(answers) != len(PHOTOGRAPHS) or not all(answers):
        return None, f"{len(answers)} answers for {len(PHOTOGRAPHS)} photographs: {finished.stdout[:500]}"
    return answers, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=Path("target/release/involution"))
    parser.add_argument("--weights", type=Path, default=Path("weights/mobilenet_v2-b0353104.pth"))
    parser.add_argument("--adapter", help="passed on to the command line")
    parser.add_argument("--timeout", type=float, default=600, help="seconds to wait (default 600)")
    parser.add_argument("--reference-only", action="store_true", help="run ONNX Runtime alone")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.weights.is_file():
        parser.error(f"no weights at {options.weights}: scripts/fetch_mobilenet.py fetches them")
    if not options.reference_only and not options.binary.is_file():
        parser.error(f"no binary at {options.binary}")

    names = (ROOT / "examples" / "imagenet" / "labels.txt").read_text().splitlines()
    misses = 0
    with tempfile.TemporaryDirectory(prefix="involution-") as folder:
        session = exported(options.weights, Path(folder) / "mobilenet_v2.onnx")
        expected = {name: probabilities(session, path) for name, path in PHOTOGRAPHS.items()}
    for name, shares in expected.items():
        best = np.argsort(-shares)[:5]
        index, share = KNOWN[name]
        changed = best[0] != index or abs(shares[best[0]] - share) > TOLERANCE
        misses += changed
        listed = ", ".join(f"{index} {names[index]} {shares[index]:.4f}" for index in best)
        print(f"{'MISS' if changed else 'ok':4} {name:8} ONNX Runtime  {listed}")
    if not options.reference_only:
        answers, problem = ours(options)
        if problem:
            print(f"MISS {problem}")
            return 1
        for (name, shares), answer in zip(expected.items(), answers):
            index, _, share = answer[0]
            best = int(shares.argmax())
            # Negated, so that NaN fails as well.
            wrong = index != best or not abs(share - shares[best]) <= TOLERANCE
            misses += wrong
            listed = ", ".join(f"{index} {label} {share:.4f}" for index, label, share in answer)
            print(f"{'MISS' if wrong else 'ok':4} {name:8} involution    {listed}")
            widest = max(abs(share - shares[index]) for index, _, share in answer if 0 <= index < 1000)
            print(f"     {name:8} at most {widest:.1e} apart in these")
    print(f"{misses} misses")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
