#!/usr/bin/env python3
"""Times this library beside PyTorch, ONNX Runtime and ncnn: the same inputs and weights, in turns, answers compared.

    python3 benches/peers/run.py                            the usual rows and every peer, from a fresh clone
    python3 benches/peers/run.py --peers torch,ncnn         some peers
    python3 benches/peers/run.py --workloads W1,W7/resnet   rows whose names contain one of these texts
    python3 benches/peers/run.py --full                     every row, batches of 8 too; takes an hour or more

Makes what it needs below target/peers: environments of the packages in requirements*.txt (6 GB: the usual package of
PyTorch for Linux brings CUDA), the models, and peers.json, peers.md and peers.html of the run. What is there is used
again. Needs Rust, Python 3.11 or later, and a Vulkan driver, if one in software; VK_DRIVER_FILES is left as it is.

Standard library only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "peers"

# Enough of each family to see where each library stands.
USUAL = [
    "W1/inv_op_c256_56_s1_b1",
    "W1/inv_op_c64_56_s1_b1",
    "W2/inv_layer_c64_56_b1",
    "W2/inv_layer_c512_7_b1",
    "W3/conv1x1_256_64_56_b1",
    "W3/conv1x1_1024_512_14_b1",
    "W4/conv3x3_64_56_b1",
    "W4/dw3x3_256_56_b1",
    "W4/grp32_3x3_256_56_b1",
    "W4/stem7x7s2_3_64_224_b1",
    "W5/dynconv3x3_64_56_b8",
    "W6/bnrelu_256_56_b1",
    "W7/resnet50_b1",
    "W7/rednet50_b1",
    "W7/mobilenetv2_b1",
]

# Idle threads that spin take the processors from whoever has its turn; and those of a library whose kernels run on a
# software adapter take them from its driver.
CPU = {"KMP_BLOCKTIME": "10"}
GPU = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"}

# The environment of packages that each peer is in, and its variables.
PEERS = {
    "torch": ("venv", CPU),
    "torch-compile": ("venv", CPU | {"TORCHINDUCTOR_CACHE_DIR": str(WORK / "inductor"), "TORCHINDUCTOR_COMPILE_THREADS": "1"}),
    "ort": ("venv", CPU),
    "ort-webgpu": ("venv-webgpu", GPU),
    "ncnn": ("venv", CPU),
    "ncnn-vulkan": ("venv", GPU),
}
# What takes minutes to compile and wants a compiler of C++ is timed where it is asked for.
ASKED_FOR = {"torch-compile"}
PATIENCE_S = {"torch-compile": 900}
REQUIREMENTS = {"venv": "requirements.txt", "venv-webgpu": "requirements-webgpu.txt"}


def python_of(environment):
    return WORK / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environments_of(peers):
    """What has to be there: the first one makes the models, too."""
    needed = {"venv", *(PEERS[peer][0] for peer in peers)}
    return [name for name in REQUIREMENTS if name in needed]


def make_environment(name):
    """An environment of exactly these packages; nothing to do where it is there."""
    requirements = (HERE / REQUIREMENTS[name]).read_text()
    made_of = WORK / name / "made-of.txt"
    if made_of.exists() and made_of.read_text() == requirements:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / name], check=True)
    pip = [python_of(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", HERE / REQUIREMENTS[name]], check=True)
    made_of.write_text(requirements)


def executable_in(messages):
    """The command that cargo says it built."""
    for line in messages.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "involution":
            return message["executable"]
    raise SystemExit("cargo built no involution")


def list_of(peers):
    """What `involution bench --peers` reads."""
    entries = []
    for peer in peers:
        environment, variables = PEERS[peer]
        command = [str(python_of(environment)), str(HERE / "worker.py"), peer]
        entry = {"name": peer, "command": command, "environment": variables}
        entries.append(entry | ({"patience_s": PATIENCE_S[peer]} if peer in PATIENCE_S else {}))
    return {"folder": str(WORK / "models"), "peers": entries}


def stage(start, text):
    print(f"[{time.monotonic() - start:5.0f} s] {text}", file=sys.stderr, flush=True)


def prepared(start, peers):
    """The command and the environments, which wait for the network and the compiler at the same time."""
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


def run(arguments):
    start = time.monotonic()
    for folder in (WORK / "models", arguments.out):
        folder.mkdir(parents=True, exist_ok=True)
    involution = prepared(start, arguments.peers)
    bench = [involution, "bench", "--suite", "peers"]
    if arguments.workloads:
        bench += ["--filter", ",".join(arguments.workloads)]
    stage(start, "inputs and weights")
    export = [*bench, "--export", WORK / "models", "--json", "-"]
    written = json.loads(subprocess.run(export, check=True, stdout=subprocess.PIPE).stdout)
    stage(start, "models")
    names = [Path(row["file"]).stem for row in written["rows"]]
    subprocess.run([python_of("venv"), HERE / "models.py", WORK / "models", *names], check=True)
    listed = WORK / "models" / "peers.json"
    listed.write_text(json.dumps(list_of(arguments.peers), indent=1))
    stage(start, f"timing {len(names)} rows beside {', '.join(arguments.peers)}")
    results = [(f"--{form}", arguments.out / f"peers.{form}") for form in ("json", "md", "html")]
    measure = [*bench, "--peers", listed, *(part for result in results for part in result)]
    if arguments.repeat:
        measure += ["--repeat", str(arguments.repeat)]
    code = subprocess.run(measure).returncode
    stage(start, f"results in {arguments.out}")
    return code


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
    try:
        sys.exit(run(arguments_of(sys.argv[1:])))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"failed: {failed.cmd[0]} {failed.cmd[1]}: exit code {failed.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
