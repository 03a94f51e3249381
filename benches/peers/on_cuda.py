#!/usr/bin/env python3
"""Times the networks of this library in PyTorch on its device, for scripts/on_a_gpu.sh.

    python3 benches/peers/on_cuda.py [--device cuda] [--batches 1,8,32,128] [--networks rednet50,resnet50,mobilenet_v2]

Prints JSON: the device, and for each network and batch the median, the minimum and the time of the first run in
milliseconds, with single precision (TF32 off and on) and half precision where the device is CUDA. Needs torch.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import torch
import twins

NETWORKS = {
    "rednet50": lambda: twins.RedNet.of_depth(50),
    "resnet50": twins.ResNet50,
    "mobilenet_v2": twins.MobileNetV2,
}
SAMPLES = 15


def timed(net, x, wait):
    """The first run, and the median and minimum of the next, in milliseconds."""
    times = []
    for _ in range(SAMPLES + 1):
        wait()
        start = time.perf_counter()
        net(x)
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return {"first_ms": times[0], "median_ms": statistics.median(times[1:]), "min_ms": min(times[1:])}


def rows(device, networks, batches):
    cuda = device.type == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None
    precisions = [("f32", False, torch.float32), ("tf32", True, torch.float32), ("f16", True, torch.float16)]
    for name in networks:
        net = twins.calibrate(twins.randomise(NETWORKS[name](), 1).to(device), torch.randn(2, 3, 224, 224, device=device))
        for precision, tf32, dtype in precisions if cuda else precisions[:1]:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            net = net.to(dtype)
            for batch in batches:
                row = {"network": name, "batch": batch, "precision": precision}
                try:
                    x = torch.randn(batch, 3, 224, 224, device=device, dtype=dtype)
                    row |= timed(net, x, wait)
                except torch.cuda.OutOfMemoryError as error:
                    row["note"] = str(error).splitlines()[0]
                yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", default="1,8,32,128")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    args = parser.parse_args()
    device = torch.device(args.device)
    batches = [int(batch) for batch in args.batches.split(",")]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    with torch.inference_mode():
        found = list(rows(device, args.networks.split(","), batches))
    print(json.dumps({"torch": torch.__version__, "device": name, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
