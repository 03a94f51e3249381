#!/usr/bin/env python3
"""Times this library beside PyTorch, ONNX Runtime and ncnn: same inputs and weights, in turns, results compared.

    python3 benches/peers/run.py                            the usual rows and every peer, from a fresh clone
    python3 benches/peers/run.py --peers torch,ncnn         some peers
    python3 benches/peers/run.py --workloads involution/,networks/resnet   rows whose names contain one of these texts
    python3 benches/peers/run.py --full                     every row, batches of 8 too; takes an hour or more

Writes everything below target/peers: environments with the packages of requirements*.txt (6 GB, because the default
PyTorch package for Linux contains CUDA), the models, and peers.json, peers.md and peers.html. Existing environments and
models are reused. Needs Rust, Python 3.11 or later, and a Vulkan driver (software is fine). Uses only the standard
library.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Do not leave a __pycache__ in this folder.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import turns

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "peers"

# A selection from each family of workloads.
USUAL = [
    "involution/7x7_c256_56_s1_b1",
    "involution/7x7_c64_56_s1_b1",
    "layer/involution_c64_56_b1",
    "layer/involution_c512_7_b1",
    "conv/1x1_256_64_56_b1",
    "conv/1x1_1024_512_14_b1",
    "conv/3x3_64_56_b1",
    "conv/depthwise3x3_256_56_b1",
    "conv/groups32_3x3_256_56_b1",
    "conv/7x7s2_3_64_224_b1",
    "layer/dynamic_conv3x3_64_56_b8",
    "other/bnrelu_256_56_b1",
    "networks/resnet50_b1",
    "networks/rednet50_b1",
    "networks/mobilenetv2_b1",
]

# Idle threads must not spin: they would take the processors from the library whose turn it is, and those of a GPU library
# from the driver of a software adapter.
CPU = {"KMP_BLOCKTIME": "10"}
GPU = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"}

# The Python environment of each peer, and its variables.
PEERS = {
    "torch": ("venv", CPU),
    "torch-compile": ("venv", CPU | {"TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor"), "TORCHINDUCTOR_COMPILE_THREADS": "1"}),
    "ort": ("venv", CPU),
    "ort-webgpu": ("venv-webgpu", GPU),
    "ncnn": ("venv", CPU),
    "ncnn-vulkan": ("venv", GPU),
}
# Timed only on request: it compiles for minutes and needs a C++ compiler.
ASKED_FOR = {"torch-compile"}
PATIENCE_S = {"torch-compile": 900}
REQUIREMENTS = {"venv": "requirements.txt", "venv-webgpu": "requirements-webgpu.txt"}


def python_of(environment):
    return WORK / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environments_of(peers):
    """The environments that are needed; the first one also makes the models."""
    needed = {"venv", *(PEERS[peer][0] for peer in peers)}
    return [name for name in REQUIREMENTS if name in needed]


def make_environment(name):
    """Creates an environment of exactly these packages, unless it exists."""
    requirements = (HERE / REQUIREMENTS[name]).read_text()
    made_of = WORK / name / "made-of.txt"
    if made_of.exists() and made_of.read_text() == requirements:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / name], check=True)
    pip = [python_of(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", HERE / REQUIREMENTS[name]], check=True)
    made_of.write_text(requirements)


def executable_in(messages):
    """The path of the command in cargo's messages."""
    for line in messages.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "involution":
            return message["executable"]
    raise SystemExit("cargo built no involution")


def peer_of(name):
    environment, variables = PEERS[name]
    command = [python_of(environment), HERE / "worker.py", name]
    return turns.Peer(name, command, WORK / "models", variables, PATIENCE_S.get(name, turns.LOAD_S))


def stage(start, text):
    print(f"[{time.monotonic() - start:5.0f} s] {text}", file=sys.stderr, flush=True)


def prepared(start, peers):
    """Builds the command, and meanwhile the environments."""
    with tempfile.TemporaryFile("w+") as messages:
        stage(start, "building involution")
        build = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics"]
        cargo = subprocess.Popen(build, cwd=ROOT, stdout=messages)
        try:
            for name in environments_of(peers):
                stage(start, f"packages of {REQUIREMENTS[name]}")
                make_environment(name)
        except BaseException:
            cargo.kill()
            raise
        if cargo.wait():
            raise SystemExit("cargo build failed")
        messages.seek(0)
        return executable_in(messages.read())


def rows_of(involution, *arguments):
    """The JSON of `involution bench`, which also has the rows that failed their check."""
    ran = subprocess.run([involution, "bench", *arguments, "--json", "-"], stdout=subprocess.PIPE)
    if not ran.stdout:
        raise SystemExit(ran.returncode)
    return json.loads(ran.stdout)


def run(arguments):
    start = time.monotonic()
    models = WORK / "models"
    for folder in (models, arguments.out):
        folder.mkdir(parents=True, exist_ok=True)
    involution = prepared(start, arguments.peers)
    stage(start, "our rows by themselves")
    selected = ["--filter", ",".join(arguments.workloads)] if arguments.workloads else []
    repeat = ["--repeat", str(arguments.repeat)] if arguments.repeat else []
    result = rows_of(involution, "--suite", "peers", *selected, *repeat)
    ours = turns.Peer("involution", [involution, "bench", "peer"], models)
    names = [row["case"] for row in result["rows"]]
    files = [name.replace("/", "_") for name in names]
    stage(start, "inputs, weights and models")
    for name, file in zip(names, files):
        ours.ask(ask="export", workload=name, files=str(models / file))
    subprocess.run([python_of("venv"), HERE / "models.py", models, *files], check=True)
    stage(start, f"{len(names)} rows in turns with {', '.join(arguments.peers)}")
    peers = [peer_of(name) for name in arguments.peers]
    rows = []
    try:
        for row in result["rows"]:
            rows.append(turns.beside(ours, peers, row, models, arguments.repeat))
            stage(start, row["case"])
    except KeyboardInterrupt:
        result["interrupted"] = True
    finally:
        for peer in (ours, *peers):
            peer.end()
    # A machine that became slower meanwhile affects times but not ratios: record its limits again.
    after = rows_of(involution, "--suite", "transfer", "--filter", "submission", "--repeat", "1")["limits"]
    result |= {"rows": rows, "limits_after": after, "seconds": time.monotonic() - start}
    results = {form: arguments.out / f"peers.{form}" for form in ("json", "md", "html")}
    results["json"].write_text(json.dumps(result, indent=1))
    results["md"].write_text(turns.markdown(result))
    subprocess.run([involution, "bench", "page", results["json"], "--html", results["html"]], check=True)
    print(turns.text(rows))
    stage(start, f"results in {arguments.out}")
    return int(result["interrupted"] or not all(row["checked"] for row in rows))


def interrupt(*_):
    raise KeyboardInterrupt


def known(text):
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"no peer {name}; there are {', '.join(PEERS)}")
    return names


def arguments_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=known, default=[peer for peer in PEERS if peer not in ASKED_FOR], metavar="NAMES", help=f"of {', '.join(PEERS)}")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--workloads", type=lambda text: text.split(","), default=USUAL, metavar="TEXTS")
    which.add_argument("--full", dest="workloads", action="store_const", const=[], help="every row of the suite")
    parser.add_argument("--repeat", type=int, metavar="N", help="samples of each row [default: 15, fewer if slow]")
    parser.add_argument("--out", type=Path, default=WORK, metavar="FOLDER", help="where results go [target/peers]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    # Keep what was measured, as after Ctrl-C.
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(run(arguments_of(sys.argv[1:])))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"failed: {failed.cmd[0]} {failed.cmd[1]}: exit code {failed.returncode}")
    except turns.Failed as failed:
        sys.exit(f"failed: {failed}")
    except KeyboardInterrupt:
        sys.exit(130)
