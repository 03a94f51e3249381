"""python3 -m unittest discover benches/peers    what run.py decides before it starts anything"""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

# Importing leaves no cache in the folder.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import run


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
        asked = run.arguments_of(["--peers", "torch-compile,ncnn", "--workloads", "W1,W7/resnet"])
        self.assertEqual(asked.peers, ["torch-compile", "ncnn"])
        self.assertEqual(asked.workloads, ["W1", "W7/resnet"])
        self.assertIn("no peer tvm; there are torch,", self.refused("--peers", "torch,tvm"))
        self.assertIn("not allowed with", self.refused("--full", "--workloads", "W1"))

    def test_only_environments_that_are_needed_are_made(self):
        self.assertEqual(run.environments_of(["torch", "ncnn"]), ["venv"])
        # Models are made with the packages of the first one.
        self.assertEqual(run.environments_of(["ort-webgpu"]), ["venv", "venv-webgpu"])
        for name in run.REQUIREMENTS.values():
            lines = (run.HERE / name).read_text().splitlines()
            packages = [line for line in lines if line and not line.startswith(("#", "-"))]
            self.assertTrue(packages and all("==" in line for line in packages), name)

    def test_the_list_of_peers_is_what_the_benchmark_reads(self):
        listed = run.list_of(["ncnn-vulkan", "torch-compile"])
        self.assertEqual(set(listed), {"folder", "peers"})
        first, second = listed["peers"]
        self.assertEqual(first["command"][-2:], [str(run.HERE / "worker.py"), "ncnn-vulkan"])
        self.assertEqual(set(first), {"name", "command", "environment"})
        self.assertGreater(second["patience_s"], 120)
        self.assertTrue(all(isinstance(value, str) for value in second["environment"].values()))

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


if __name__ == "__main__":
    unittest.main()
