#!/usr/bin/env python3
"""Compares `involution bench --suite peers` with the times of other libraries on the same workloads.

    cargo run --release -- bench --suite peers --json ours.json
    python scripts/against_peers.py --ours ours.json --peers torch.jsonl ort.jsonl ncnn_vk.jsonl

Prints Markdown: our median from host to host, for each peer the ratio of our time to its time (below 1 is faster
than the peer), the ratio to the fastest of them, and the geometric mean of each column. A peer's file holds a JSON
object a line, `{"workload": "W1/...", "peer": "torch", "ms_median": 1.5}`; of several lines for one workload the
fastest counts, one with `error` is a failure of the peer. Lines whose workload begins with `ceiling/` say what the
machine could do beside that peer, and make a table of their own: times are comparable where those are.

Standard library only, Python 3.9 or later.
"""

import argparse
import json
import math
import sys
from pathlib import Path


def lines_of(path):
    """The JSON objects of a file, one a line; other lines are what a tool printed beside them."""
    for line in Path(path).read_text(errors="replace").splitlines():
        if line.strip().startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                print(f"{path}: not JSON: {line[:60]}", file=sys.stderr)


def workload_of(line):
    """Its name; a peer that runs files of models may give the file: `models/W7_rednet50_b1.onnx`."""
    name = line["workload"]
    return Path(name).stem.replace("_", "/", 1) if name.endswith(".onnx") else name


def read_peers(paths):
    """Times as {peer: {workload: ms or None where it failed}}, and the lines of ceilings with their file."""
    peers, ceilings = {}, []
    for path in paths:
        for line in lines_of(path):
            name = workload_of(line)
            if name.startswith("ceiling/"):
                ceilings.append((Path(path).stem, line))
            elif line.get("kind") != "first":
                times = peers.setdefault(line["peer"], {})
                known, ms = times.get(name), line.get("ms_median")
                times[name] = min(filter(None, (known, ms)), default=None)
    return peers, ceilings


def mean(ratios):
    """The geometric mean: twice as fast here and half as fast there is as fast."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def cell(value):
    return "" if value is None else f"{value:.2f}"


def table(rows):
    head, *rest = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rest])


def print_ratios(ours, peers):
    columns = {name: [] for name in [*peers, "fastest peer"]}
    rows = [["workload", "ours ms", *columns]]
    for name, ms in ours.items():
        times = {peer: known.get(name) for peer, known in peers.items()}
        times["fastest peer"] = min(filter(None, times.values()), default=None)
        cells = []
        for peer, theirs in times.items():
            ratio = ms / theirs if ms and theirs else None
            columns[peer] += [ratio] if ratio else []
            failed = name in peers.get(peer, {}) and theirs is None
            cells.append("failed" if failed else cell(ratio))
        rows.append([name, f"{ms:.3f}" if ms else "FAILED", *cells])
    rows.append(["geometric mean", "", *(cell(mean(ratios)) for ratios in columns.values())])
    print(table(rows))


def print_ceilings(ceilings):
    rows = [["beside", "ceiling", "median", "best"]]
    for beside, line in ceilings:
        for unit in (key[len("median_"):] for key in line if key.startswith("median_")):
            median, best = line[f"median_{unit}"], line.get(f"best_{unit}", "")
            rows.append([beside, line["workload"][len("ceiling/"):], f"{median} {unit}", str(best)])
    if len(rows) > 1:
        print("\n" + table(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="what `involution bench --suite peers --json FILE` wrote")
    parser.add_argument("--peers", required=True, nargs="+", metavar="FILE", help="JSON lines of other libraries")
    arguments = parser.parse_args()
    report = json.loads(Path(arguments.ours).read_text())
    if report.get("suite") != "peers":
        parser.error(f"{arguments.ours} is not from --suite peers")
    ours = {row["workload"]: (row["wall_ms"] or {}).get("median") for row in report["rows"]}
    peers, ceilings = read_peers(arguments.peers)
    if not any(name in times for times in peers.values() for name in ours):
        parser.error("no workload is in both: were they run with the same filter?")
    print(f"Ours on {report['adapter']}, {report['driver'] or 'no driver'}; ratio = our ms / their ms.\n")
    print_ratios(ours, peers)
    print_ceilings(ceilings)


if __name__ == "__main__":
    main()
