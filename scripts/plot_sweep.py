#!/usr/bin/env python3
"""Plots the results of `involution bench sweep`: time per pixel by batch size and by image size.

    pip install matplotlib
    cargo run --release -- bench sweep rednet50 --json sweep.json
    python scripts/plot_sweep.py sweep.json --output sweep.svg

Each file becomes a line, named after its network and adapter. Rows without a time (left out, or wrong) are not drawn.
Tested with Python 3.11 and matplotlib 3.11.2.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def lines_of(rows):
    """Points as (x, microseconds): by batch at the size of the first row, by size for one image."""
    timed = [row for row in rows if row["ns_per_pixel"] is not None]
    if not timed:
        return [], []
    usual = rows[0]["size"]
    batches = [(row["batch"], row["ns_per_pixel"] / 1e3) for row in timed if row["size"] == usual]
    sizes = [(row["size"], row["ns_per_pixel"] / 1e3) for row in timed if row["batch"] == 1]
    return sorted(batches), sorted(sizes)


def draw(axes, points, label):
    if points:
        axes.plot(*zip(*points), marker="o", label=label)
        axes.set_xscale("log", base=2)
        ticks = sorted({x for line in axes.lines for x in line.get_xdata()})
        axes.set_xticks(ticks, labels=[str(int(tick)) for tick in ticks], rotation=60, fontsize=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="what bench sweep --json FILE wrote")
    parser.add_argument("--output", required=True, metavar="FILE", help="image to write: .svg, .png or .pdf")
    arguments = parser.parse_args()
    # Keep text as text, and make the file depend on the rows alone.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sweep"})
    figure, (by_batch, by_size) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for file in arguments.files:
        report = json.loads(Path(file).read_text())
        if report.get("suite") != "sweep" or not report["rows"]:
            parser.error(f"{file} has no rows of bench sweep")
        network = report["rows"][0]["group"]
        batches, sizes = lines_of(report["rows"])
        label = f"{network}, {report['adapter']}"
        draw(by_batch, batches, label)
        draw(by_size, sizes, label)
    by_batch.set(xlabel="images in the batch", ylabel="microseconds a pixel, from host to host")
    by_size.set(xlabel="height and width of one image")
    for axes in (by_batch, by_size):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    by_batch.legend(fontsize=8)
    metadata = {"Date": None} if arguments.output.endswith(".svg") else None
    figure.savefig(arguments.output, dpi=150, metadata=metadata)


if __name__ == "__main__":
    main()
