"""python3 -m unittest discover benches/peers    what run.py decides before it starts anything, turns and ratios"""

import contextlib
import io
import json
import math
import struct
import sys
import tempfile
import unittest
from pathlib import Path

# Importing leaves no cache in the folder.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import run
import turns


class Run(unittest.TestCase):
    def refused(self, *arguments):
        with self.assertRaises(SystemExit) as refused, contextlib.redirect_stderr(io.StringIO()) as said:
            run.arguments_of(arguments)
        self.assertEqual(refused.exception.code, 2)
        return said.getvalue()

    def test_the_usual_run_has_every_peer_that_needs_no_compiler(self):
        usual = run.arguments_of([])
        self.assertEqual(set(run.PEERS) - set(usual.peers), {"torch-compile"})
        self.assertEqual(usual.workloads, run.USUAL)
        self.assertEqual(run.arguments_of(["--full"]).workloads, [])

    def test_what_is_asked_for_is_taken_and_what_is_unknown_refused(self):
        asked = run.arguments_of(["--peers", "torch-compile,ncnn", "--workloads", "involution/,networks/resnet"])
        self.assertEqual(asked.peers, ["torch-compile", "ncnn"])
        self.assertEqual(asked.workloads, ["involution/", "networks/resnet"])
        self.assertIn("no peer tvm; there are torch,", self.refused("--peers", "torch,tvm"))
        self.assertIn("not allowed with", self.refused("--full", "--workloads", "conv"))

    def test_only_environments_that_are_needed_are_made(self):
        self.assertEqual(run.environments_of(["torch", "ncnn"]), ["venv"])
        # Models are made with the packages of the first one.
        self.assertEqual(run.environments_of(["ort-webgpu"]), ["venv", "venv-webgpu"])
        for name in run.REQUIREMENTS.values():
            lines = (run.HERE / name).read_text().splitlines()
            packages = [line for line in lines if line and not line.startswith(("#", "-"))]
            self.assertTrue(packages and all("==" in line for line in packages), name)

    def test_peers_are_started_in_their_environment(self):
        vulkan, compiled = map(run.peer_of, ["ncnn-vulkan", "torch-compile"])
        self.assertEqual(vulkan.command[-2:], [run.HERE / "worker.py", "ncnn-vulkan"])
        self.assertGreater(compiled.patience_s, vulkan.patience_s)
        self.assertTrue(all(isinstance(value, str) for value in compiled.environment.values()))

    def test_the_command_is_where_cargo_says(self):
        other = {"executable": "/x/digits", "target": {"name": "digits"}}
        ours = {"executable": "/x/involution", "target": {"name": "involution"}}
        lines = [{"reason": "build-finished"}, other, ours]
        self.assertEqual(run.executable_in("\n".join(map(json.dumps, lines))), "/x/involution")
        with self.assertRaises(SystemExit):
            run.executable_in(json.dumps(other))

    def test_an_environment_of_these_packages_is_not_made_again(self):
        with tempfile.TemporaryDirectory() as folder:
            before, run.WORK = run.WORK, Path(folder)
            self.addCleanup(setattr, run, "WORK", before)
            made = run.WORK / "venv" / "made-of.txt"
            made.parent.mkdir()
            made.write_text((run.HERE / run.REQUIREMENTS["venv"]).read_text())
            run.make_environment("venv")
            self.assertEqual([path.name for path in made.parent.iterdir()], ["made-of.txt"])


# A library that answers with these bytes and says that a sample takes so long.
SCRIPT = """
import json, pathlib, sys
print(json.dumps({"version": "peer 1"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    reply = {}
    if request["ask"] == "load":
        pathlib.Path(request["answer"]).write_bytes(bytes.fromhex(sys.argv[1]))
        reply = {"shape": [2], "first_ms": 3.0, "tolerance": 0.1}
    if request["ask"] == "sample":
        reply = {"ms": float(sys.argv[2])}
    print(json.dumps(reply), flush=True)
"""


def row(**more):
    return {"case": "other/some_b1", "checked": True, "wall_ms": None, "samples": 0} | more


class Turns(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def peer(self, name, script, *arguments):
        peer = turns.Peer(name, [sys.executable, "-c", script, *arguments], self.folder)
        self.addCleanup(peer.end)
        return peer

    def answering(self, name, values, ms):
        return self.peer(name, SCRIPT, struct.pack("<2f", *values).hex(), str(ms))

    def test_only_answers_that_agree_have_a_ratio(self):
        ours = self.answering("ours", (1, -4), 2)
        right, wrong = self.answering("right", (1, -3.8), 4), self.answering("wrong", (1, -3), 4)
        ended = self.peer("ended", "import sys; sys.exit('no such module')")
        found = turns.beside(ours, [right, wrong, ended], row(), self.folder, repeat=3)
        self.assertEqual((found["wall_ms"]["times"], found["samples"]), ([2, 2, 2], 3))
        first, second, third = found["peers"]
        self.assertEqual((first["ratio"], first["version"], first["wall_ms"]["median"]), (0.5, "peer 1", 4))
        self.assertAlmostEqual(first["error_over_bound"], 0.5, places=5)
        self.assertEqual((second["ratio"], third["ratio"], third["wall_ms"]), (None, None, None))
        self.assertGreater(second["error_over_bound"], 1)
        self.assertRegex(third["note"], "exit code 1: no such module")
        self.assertEqual([turns.cell(peer) for peer in found["peers"]], ["0.50", "WRONG", "failed"])

    def test_a_row_of_ours_that_is_wrong_is_no_standard(self):
        ours, other = self.answering("ours", (1, -4), 2), self.answering("other", (1, -4), 4)
        found = turns.beside(ours, [other], row(checked=False), self.folder, repeat=1)
        self.assertEqual((found["wall_ms"], found["peers"][0]["ratio"], turns.cell(found["peers"][0])), (None, None, "-"))

    def test_a_row_that_we_fail_at_is_kept_with_the_reason(self):
        ours, other = self.peer("ours", "raise SystemExit(3)"), self.answering("other", (1, -4), 4)
        found = turns.beside(ours, [other], row(), self.folder)
        self.assertEqual((found["checked"], found["wall_ms"], found["peers"]), (False, None, []))
        self.assertIn("exit code 3", found["note"])

    def test_whatever_goes_wrong_is_an_error_in_words_and_the_next_row_starts_anew(self):
        hello = "print('{\"version\": \"peer 1\"}', flush=True); input(); "
        for script, part in [
            ("print('hello')", "not an answer: hello"),
            (hello + "raise SystemExit(4)", "exit code 4"),
            (hello + "print('{\"error\": \"no such operator\"}')", "no such operator"),
        ]:
            peer = self.peer("broken", script)
            for _ in range(2):
                with self.assertRaisesRegex(turns.Failed, part):
                    peer.ask(ask="sample")
                peer.end()
        silent = self.peer("silent", hello + "input()")
        before, turns.ANSWER_S = turns.ANSWER_S, 0.2
        self.addCleanup(setattr, turns, "ANSWER_S", before)
        with self.assertRaisesRegex(turns.Failed, "no answer within"):
            silent.ask(ask="sample")
        self.assertIsNone(silent.process)

    def test_a_distance_is_in_parts_of_the_largest_value_and_sees_what_is_no_number(self):
        want = ([2], [1.0, -4.0])
        for values, distance in [([1.0, -4.0], 0), ([1.0, -3.0], 0.25), ([math.nan, -4.0], math.inf), ([math.inf, -4.0], math.inf)]:
            self.assertEqual(turns.distance(([2], values), want), distance)
        self.assertEqual(turns.distance(([1, 2], [1.0, -4.0]), want), math.inf)
        self.assertEqual(turns.distance(([2], [0.0, 0.0]), ([2], [0.0, 0.0])), math.inf)

    def test_statistics_are_those_of_the_benchmark(self):
        found = turns.stats([4.0, 900.0, 2.0, 3.0, 1.0])
        self.assertEqual((found["min"], found["median"], found["p95"], found["spread"]), (1, 3, 900, 2 / 3))
        self.assertEqual(found["times"], [4.0, 900.0, 2.0, 3.0, 1.0])
        self.assertEqual(turns.stats([float(number) for number in range(1, 101)])["p95"], 95)

    def test_cells_stand_below_their_peer_and_means_are_geometric(self):
        def peer(name, ratio, note=None):
            return {"peer": name, "ratio": ratio, "error_over_bound": None if note else 0.25, "note": note}

        wall = {"median": 2.0}
        rows = [
            row(case="x", wall_ms=wall, peers=[peer("a", 0.5), peer("b", 0.25)]),
            row(case="y", wall_ms=wall, peers=[peer("a", 2.0), peer("b", None, "no such | operator")]),
        ]
        self.assertEqual(
            turns.table(rows),
            [
                ["workload", "ours ms", "a", "b", "fastest", "error"],
                ["x", "2.00", "0.50", "0.25", "0.50", "0.250"],
                ["y", "2.00", "2.00", "failed", "2.00", "0.250"],
                ["geometric mean", "", "1.00", "0.25", "1.00", ""],
            ],
        )
        self.assertIn("b, y: no such | operator", turns.text(rows))
        lines = turns.markdown({"rows": rows, "involution": "1", "adapter": "some", "driver": "one"}).splitlines()
        self.assertEqual({line.count("|") for line in lines if line.startswith("|")}, {7})
        self.assertEqual([turns.short(ratio) for ratio in (0.0312, 0.5, 12.34)], ["0.031", "0.50", "12.3"])


if __name__ == "__main__":
    unittest.main()
