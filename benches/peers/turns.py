"""Times libraries in turns, one sample of each at a time, and compares their results with ours.

A library is a program that answers one line of JSON with another: worker.py for the other libraries, `involution bench
peer` for ours. Uses only the standard library.
"""

import contextlib
import json
import math
import os
import queue
import statistics
import subprocess
import threading
import time
from array import array
from operator import sub
from pathlib import Path

# Seconds that a library may take to be there or to load a model, and for anything else.
LOAD_S, ANSWER_S = 120, 60
# Before each turn: idle threads of the one before may still spin.
SETTLE_S = 0.03
# Samples, and how many will do after so many seconds: of ours, and of each other.
SAMPLES = 15
OURS_LEAST, OURS_S = 5, 6
PEER_LEAST, PEER_S = 3, 4

MEANING = "Ratios are our median over theirs, from host to host, taken in turns: below 1 we are faster."
ERROR = (
    "`error` is the largest distance of their answers from ours as a part of what is allowed: 1e-5 of the largest value "
    "of an operator or layer, 1e-4 of a network."
)


class Failed(Exception):
    """A library gave no answer, for this reason."""


class Peer:
    """A library in its own process, which starts at the first request, and again after a failure."""

    def __init__(self, name, command, folder, environment=(), patience_s=LOAD_S):
        self.name, self.command, self.environment, self.patience_s = name, command, dict(environment), patience_s
        self.log, self.answer = Path(folder) / f"{name}.log", Path(folder) / f"{name}.answer"
        self.process = self.version = None

    def ask(self, **request):
        """The reply to a request; a process that gave none is ended."""
        if self.process is None:
            self.start()
            self.version = self.reply(LOAD_S).get("version")
        # One that does not listen any more has ended, which is what waiting for it says.
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        reply = self.reply(self.patience_s if request["ask"] in ("load", "export") else ANSWER_S)
        if "error" in reply:
            raise Failed(reply["error"])
        return reply

    def start(self):
        with self.log.open("w") as log:
            try:
                # Ctrl-C is for the one who asks, who ends the others.
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                    env=os.environ | self.environment, start_new_session=True,
                )
            except OSError as error:
                raise Failed(f"{self.command[0]}: {error}") from None
        self.replies = queue.Queue()
        threading.Thread(target=listen, args=(self.process.stdout, self.replies), daemon=True).start()

    def reply(self, limit_s):
        reason = None
        try:
            line = self.replies.get(timeout=limit_s)
            if line is not None:
                return json.loads(line)
            reason = f"it ended, exit code {self.process.wait()}"
        except queue.Empty:
            reason = f"no answer within {limit_s} s"
        except ValueError:
            reason = f"not an answer: {line.strip()}"
        self.end()
        said = [text for text in self.log.read_text(errors="replace").splitlines() if text.strip()]
        raise Failed(": ".join([reason, *said[-1:]]))

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            self.process = None


def listen(stdout, replies):
    with stdout:
        for line in stdout:
            replies.put(line)
    replies.put(None)


class Progress:
    """How far a library has come in a row."""

    def __init__(self, peer, request):
        self.peer, self.times, self.spent, self.loaded, self.failure = peer, [], 0.0, {}, None
        self.guarded(lambda: self.loaded.update(peer.ask(**request, answer=str(peer.answer))))

    def guarded(self, question):
        try:
            question()
        except Failed as failed:
            self.failure = str(failed)

    def sample(self, most, least, enough_s):
        """Whether it is done: with enough samples, or failed."""
        count = len(self.times)
        if self.failure or count >= most or (count >= least and self.spent >= enough_s):
            return True
        time.sleep(SETTLE_S)
        start = time.monotonic()
        self.guarded(lambda: self.times.append(self.peer.ask(ask="sample")["ms"]))
        self.spent += time.monotonic() - start
        return False

    def answer(self):
        """What it gave: a shape and values."""
        values = array("f")
        values.frombytes(self.peer.answer.read_bytes())
        return self.loaded["shape"], values


def beside(ours, peers, row, folder, repeat=None):
    """Times a row of ours in turns with the others: the row with our times, and theirs as `peers`."""
    name = row["case"]
    request = {"ask": "load", "workload": name, "files": str(Path(folder) / name.replace("/", "_"))}
    us = Progress(ours, request)
    if us.failure:
        return failed(row, us)
    others = [Progress(peer, request) for peer in peers]
    most = repeat or SAMPLES
    while not us.sample(most, most if repeat else OURS_LEAST, OURS_S):
        for other in others:
            other.sample(most, PEER_LEAST, PEER_S)
    if us.failure:
        return failed(row, us)
    wall = stats(us.times)
    compared = []
    for other in others:
        compared.append(against(other, us.answer(), us.loaded["tolerance"], wall if row["checked"] else None))
    for each in [us, *others]:
        each.peer.answer.unlink(missing_ok=True)
        if not each.failure:
            # One that cannot forget fails at the next row, where it is said.
            each.guarded(lambda each=each: each.peer.ask(ask="drop"))
    return row | ({"wall_ms": wall, "samples": len(us.times)} if row["checked"] else {}) | {"peers": compared}


def failed(row, ours):
    """A row that we gave no answer to, or no time."""
    return row | {"checked": False, "note": ours.failure, "wall_ms": None, "peers": []}


def against(other, ours, tolerance, wall):
    """The result and times of another library compared with ours; no times if ours is wrong."""
    found = {
        "peer": other.peer.name,
        "version": other.peer.version,
        "wall_ms": None if other.failure or not other.times else stats(other.times),
        "first_ms": other.loaded.get("first_ms"),
        "ratio": None,
        "error_over_bound": None,
        "note": other.failure,
    }
    if other.loaded and wall is not None:
        error = distance(other.answer(), ours) / tolerance
        found["error_over_bound"] = min(error, 1e300)
        if error > 1:
            found["note"] = f"its answer is {error:.3e} times as far from ours as is allowed"
        elif found["wall_ms"] is not None:
            found["ratio"] = wall["median"] / found["wall_ms"]["median"]
    return found


def distance(found, want):
    """The largest distance of two answers in parts of the largest value; infinite where they cannot be compared."""
    (shape, values), (expected, reference) = found, want
    largest = max(map(abs, reference), default=0.0)
    # A sum with a NaN in it is one: it would vanish in a maximum.
    if shape != expected or len(values) != len(reference) or not 0 < largest < math.inf or not math.isfinite(sum(values)):
        return math.inf
    return max(map(abs, map(sub, values, reference))) / largest


def stats(times):
    """The numbers of some samples, as `involution bench` makes them."""
    ordered = sorted(times)
    median = statistics.median(ordered)
    spread = quantile(ordered, 0.75) - quantile(ordered, 0.25)
    p95 = ordered[math.ceil(len(ordered) * 95 / 100) - 1]
    return {"min": ordered[0], "median": median, "p95": p95, "spread": spread / median if median else 0.0, "times": times}


def quantile(ordered, part):
    place = part * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def short(ratio):
    """A ratio in as many digits as tell it."""
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def cell(compared):
    if compared["ratio"] is not None:
        return short(compared["ratio"])
    if (compared["error_over_bound"] or 0) > 1:
        return "WRONG"
    return "failed" if compared["note"] else "-"


def mean(ratios):
    """The geometric mean: twice as fast here and half as fast there is as fast."""
    return short(math.exp(statistics.fmean(map(math.log, ratios)))) if ratios else "-"


def table(rows):
    """The ratios as cells, the header first and their means last."""
    rows = [row for row in rows if row.get("peers")]
    peers = list(dict.fromkeys(peer["peer"] for row in rows for peer in row["peers"]))
    lines, columns = [], {peer: [] for peer in [*peers, "fastest"]}
    for row in rows:
        by_name = {peer["peer"]: peer for peer in row["peers"]}
        ratios = {name: peer["ratio"] for name, peer in by_name.items() if peer["ratio"] is not None}
        if ratios:
            ratios["fastest"] = max(ratios.values())
        for name, ratio in ratios.items():
            columns[name].append(ratio)
        errors = [peer["error_over_bound"] for peer in row["peers"] if peer["error_over_bound"] is not None]
        error = "-" if not errors else f"{max(errors):.3f}" if max(errors) < 1000 else "> 1000"
        cells = [cell(by_name[peer]) if peer in by_name else "-" for peer in peers]
        fastest = short(ratios["fastest"]) if ratios else "-"
        ours = f"{row['wall_ms']['median']:.2f}" if row["wall_ms"] else "FAILED"
        lines.append([row["case"], ours, *cells, fastest, error])
    means = ["geometric mean", "", *(mean(column) for column in columns.values()), ""]
    return [["workload", "ours ms", *peers, "fastest", "error"], *lines, means]


def notes(rows):
    return [f"{peer['peer']}, {row['case']}: {peer['note']}" for row in rows for peer in row["peers"] if peer["note"]]


def text(rows):
    """The table for a terminal."""
    cells = table(rows)
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = (" ".join(cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths))) for line in cells)
    return "\n".join([*lines, "", MEANING, ERROR, *notes(rows)])


def markdown(run):
    """The table for issues and documents."""
    header, *lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table(run["rows"])]
    rule = "|---" + "|--:" * (header.count(" | ")) + "|"
    where = f"involution {run['involution']} on {run['adapter']} ({run['driver']})"
    return "\n".join([f"{where}. {MEANING} {ERROR}", "", header, rule, *lines, "", *(f"- {note}" for note in notes(run["rows"]))]) + "\n"
