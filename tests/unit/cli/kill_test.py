#!/usr/bin/env python3
"""A sweep that is killed, interrupted or runs out of disk loses nothing that was finished.

    kill_test.py PLUMBLINE SOURCE_FOLDER [--kills N] [--points N] [--seed N]

Kills one sweep N times at random moments (SIGKILL, SIGINT and a file-size limit that stands for a
full disk, in turn), resumes it each time, and compares the final file with the uninterrupted one
byte for byte.  ctest runs a short version; the long one prints where it killed.
"""
import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("plumbline")
parser.add_argument("source")
parser.add_argument("--kills", type=int, default=6)
parser.add_argument("--points", type=int, default=1200)
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()

folder = tempfile.mkdtemp()
csv = os.path.join(folder, "sweep.csv")
whole = os.path.join(folder, "whole.csv")
# Some points are invalid and some are left out, so that rows and points are not the same.
command = [arguments.plumbline, "sweep", os.path.join(arguments.source, "scenarios/01_first_run.yaml"),
           "--over", "parallelism.pipeline=8,6", "--over", "training.sequence_length=1024:%d:+8" % (1024 + 4 * arguments.points),
           "--where", "sequence_length % 24 != 0", "--quiet", "--jobs", "2"]
random.seed(arguments.seed)


def rows():
    try:
        with open(csv + ".partial", "rb") as partial:
            return partial.read().count(b"\n")
    except FileNotFoundError:
        return 0


began = time.monotonic()
subprocess.run(command + ["--csv", whole], check=True)
lasts = time.monotonic() - began

killed = []
while len(killed) < arguments.kills:
    how = ("SIGKILL", "SIGINT", "full disk")[len(killed) % 3]
    limit = None
    if how == "full disk":
        size = os.path.getsize(csv + ".partial") if os.path.exists(csv + ".partial") else 0
        room = size + random.randrange(1, max(2, os.path.getsize(whole) // arguments.kills))
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    before = rows()
    process = subprocess.Popen(command + ["--csv", csv, "--resume", csv], stderr=subprocess.PIPE, text=True, preexec_fn=limit)
    if limit is None:
        time.sleep(random.uniform(0.2, 1.0) * lasts / arguments.kills + 0.02)
        process.send_signal(getattr(signal, how))
    _, said = process.communicate()
    killed.append((how, rows()))
    if process.returncode == 0:
        break  # it was faster than the killer
    if how == "full disk":
        assert process.returncode == 2 and "--resume" in said, said
    else:
        assert process.returncode == -getattr(signal, how), (how, process.returncode, said)
    if how == "SIGINT" and "interrupted" in said:
        assert "--resume" in said, said
    assert rows() >= before, "a finished row was lost"

subprocess.run(command + ["--csv", csv, "--resume", csv], check=True)
with open(csv, "rb") as one, open(whole, "rb") as other:
    final, expected = one.read(), other.read()
assert final == expected, "the resumed file differs from the uninterrupted one"
assert not os.path.exists(csv + ".partial")
print("%d rows, %d bytes; stopped %d times (how, rows by then): %s; files equal" % (
    expected.count(b"\n"), len(expected), len(killed), ", ".join("%s %d" % each for each in killed)))
