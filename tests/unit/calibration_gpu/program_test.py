#!/usr/bin/env python3
"""plumbline calibrate measure and box as programs, without a GPU.

Usage: program_test.py PLUMBLINE
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PLUMBLINE = os.path.abspath(sys.argv[1])
MEASURE = os.path.join(os.path.dirname(PLUMBLINE), "plumbline-measure")
COSTS = "F=500,I=530,W=410"


class Program(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = self.temporary.name

    def tearDown(self):
        self.temporary.cleanup()

    def call(self, *words, expect=0, env=None):
        done = subprocess.run([PLUMBLINE, *words], capture_output=True, text=True, cwd=self.folder, timeout=120, env=dict(os.environ, **(env or {})))
        self.assertEqual(done.returncode, expect, "%s\n%s%s" % (words, done.stdout[-800:], done.stderr[-800:]))
        return done

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def read(self, *parts):
        with open(self.path(*parts)) as text:
            return text.read()


class Measure(Program):
    def test_of_a_synthetic_device_is_read_by_check_and_resumed_for_nothing(self):
        self.call("calibrate", "measure", "--synthetic", "1", "--quick", "--out", "m", "--name", "syn")
        report = json.loads(self.call("calibrate", "check", "h100_sxm_80g", self.path("m", "syn_gemm_bf16.csv"), "--json", "-").stdout)
        self.assertEqual(report["by_operation"]["gemm_bf16"]["n"], 54)
        self.assertIn("ended: complete", self.read("m", "provenance.yaml"))
        raw = self.read("m", "raw.csv")
        self.call("calibrate", "measure", "--synthetic", "1", "--quick", "--out", "m", expect=2)  # is there already
        self.call("calibrate", "measure", "--synthetic", "1", "--quick", "--out", "m", "--name", "syn", "--resume")
        self.assertEqual(self.read("m", "raw.csv"), raw)
        # Another card's samples do not mix with these.
        done = self.call("calibrate", "measure", "--synthetic", "2", "--out", "m", "--resume", expect=2)
        self.assertIn("two cards", done.stderr)

    def test_is_the_same_to_the_byte_for_the_same_seed(self):
        for name in ("a", "b"):
            self.call("calibrate", "measure", "--synthetic", "7", "--quick", "--only", "elementwise", "--out", name)
        self.assertEqual(self.read("a", "raw.csv"), self.read("b", "raw.csv"))

    def test_stopped_by_an_interrupt_leaves_whole_files(self):
        # Days of virtual time behind the first block of sites: it runs until it is interrupted.
        child = subprocess.Popen([MEASURE, "--synthetic", "1", "--sustained", "90000", "--only", "sustained,memory", "--out", self.path("m")],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.time() + 30
        while time.time() < deadline and not (os.path.exists(self.path("m", "raw.csv")) and self.read("m", "raw.csv").count("\n") > 60):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, problems = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130, out + problems)
        self.assertIn("ended: stopped", self.read("m", "provenance.yaml"))
        self.assertTrue(self.read("m", "raw.csv").endswith("\n"))
        self.assertIn("gpu_memory.csv", self.read("m", "provenance.yaml"))

    def test_without_a_gpu_says_so_and_ends_with_77(self):
        done = self.call("calibrate", "measure", "--device", "999", expect=77)
        self.assertIn("nothing was measured", done.stderr)

    def test_wrong_words_and_a_missing_program_are_wrong_input(self):
        done = self.call("calibrate", "measure", "--only", "gem", "--budget", "x", expect=2)
        self.assertIn("did you mean 'gemm'?", done.stderr)
        self.assertIn("--budget", done.stderr)
        done = self.call("calibrate", "measure", expect=2, env={"PLUMBLINE_MEASURE": "/nonexistent"})
        self.assertIn("PLUMBLINE_MEASURE", done.stderr)


class Box(Program):
    SHAPES = [("gpipe", 1), ("1f1b", 1), ("zb_h1", 1), ("zb_h2", 1), ("interleaved_1f1b", 2)]

    def test_dry_run_is_the_simulators_own_answer(self):
        for name, chunks in self.SHAPES:
            shape = [name, "--stages", "4", "--microbatches", "12", "--chunks", str(chunks)]
            box = json.loads(self.call("calibrate", "box", *shape, "--op-us", COSTS, "--dry-run", "--json", "-").stdout)
            simulated = json.loads(self.call("schedule", *shape, "--costs", COSTS, "--format", "json").stdout)
            self.assertEqual(box["makespan_ps"], simulated["makespan"] * 1000000, name)
            self.assertAlmostEqual(box["bubble_fraction"], simulated["bubble_fraction"], places=12)

    def timeline(self, plan, predicted):
        """A card that does exactly what is predicted: the trace of the dry run as a timeline."""
        rows = ["section,iteration,rank,op,start_us,end_us"]
        for kind, us in (("F", 500), ("I", 530), ("W", 410), ("B", 940)):
            for rank in range(4):
                for stage in range(rank, 4 * 2, 4):
                    for n in range(3):
                        rows.append("solo,%d,%d,%d%s,0,%d" % (n, rank, stage, kind, us))
        rows += ["same,0,0,,0,0", "cross,0,0,,0,0"]
        events = [e for e in json.loads(predicted)["traceEvents"] if e["ph"] == "X"]
        for section in ("reference", "replay"):
            for e in events:
                rows.append("%s,0,%d,%s,%.3f,%.3f" % (section, e["tid"], e["name"], e["ts"], e["ts"] + e["dur"]))
        return "\n".join(rows) + "\n"

    def test_a_card_that_does_what_is_predicted_passes_and_the_trace_shows_both(self):
        self.call("calibrate", "box", "zb_h1", "--op-us", COSTS, "--plan", "plan.txt")
        self.assertTrue(self.read("plan.txt").startswith("plumbline.box_plan/1\nmode gemm\nranks 4\n"))
        self.call("calibrate", "box", "zb_h1", "--op-us", COSTS, "--dry-run", "--trace", "dry.json")
        with open(self.path("t.csv"), "w") as out:
            out.write(self.timeline(self.read("plan.txt"), self.read("dry.json")))
        words = ["calibrate", "box", "zb_h1", "--op-us", COSTS, "--timeline", "t.csv"]
        report = json.loads(self.call(*words, "--trace", "both.json", "--json", "-").stdout)
        self.assertTrue(report["passes"])
        self.assertAlmostEqual(report["error_loaded"]["makespan"], 0, places=9)
        self.assertTrue(report["control"]["told_apart"])
        names = [e["args"]["name"] for e in json.loads(self.read("both.json"))["traceEvents"] if e["name"] == "process_name"]
        self.assertEqual(names, ["measured", "predicted, loaded times", "predicted, solo times"])
        self.assertIn("PASSES", self.call(*words).stdout)
        # The same timeline is no 1F1B: other operations.
        self.call("calibrate", "box", "1f1b", "--timeline", "t.csv", expect=2)

    def test_refuses_what_it_cannot_replay(self):
        self.call("calibrate", "box", "dualpipe", "--dry-run", expect=2)
        self.call("calibrate", "box", "1f1b", "--mode", "warp", "--dry-run", expect=2)
        self.call("calibrate", "box", "1f1b", "--op-us", "F=0", "--dry-run", expect=2)
        self.call("calibrate", "box", "1f1b", "--dry-run", "--timeline", "t.csv", expect=2)
        self.call("calibrate", "box", "1f1b", "--gemm", "100,200", "--dry-run", expect=2)
        self.call("calibrate", "box", "1f1b", "--device", "999", expect=77)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
