#!/usr/bin/env python3
"""Did any number move?  Runs plumbline and compares its JSON field by field with a stored one.

Usage: golden_test.py --plumbline PROGRAM [--case NAME]... [--update]

cases.json lists the cases: a name, the arguments after `plumbline` (paths from the repository's
root; the JSON must go to stdout) and, where a field may move a little between machines, its
tolerance.  expected/NAME.json is what the case answered when it was last looked at.  --update
stores the present answers and prints what they change; look at that before committing it.

A tolerance is relative, by path with * for any one step: {"training.ranks.*.busy_s": 1e-6};
"ignore" leaves the field out.  The most specific pattern wins (the one with the fewest *).
"""
import argparse
import json
import math
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXACT_ENOUGH = 1e-9  # a picosecond in a long step; what different CPU models may differ by
ALWAYS = {"engine.wall_s": "ignore"}


def matches(pattern, path):
    steps = pattern.split(".")
    return len(steps) == len(path) and all(s in ("*", p) for s, p in zip(steps, path))


def tolerance_of(path, tolerances):
    """The tolerance of a field: a number, or "ignore"."""
    fitting = [p for p in tolerances if matches(p, path)]
    if not fitting:
        return EXACT_ENOUGH
    return tolerances[min(fitting, key=lambda p: (p.split(".").count("*"), p))]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def close(expected, actual, relative):
    if expected == actual:
        return True
    return math.isclose(expected, actual, rel_tol=relative, abs_tol=relative * 1e-3)


def differences(expected, actual, tolerances, path=()):
    """Yields "path: what differs" for each field that moved beyond its tolerance."""
    tolerance = tolerance_of(path, tolerances)
    if tolerance == "ignore":
        return
    where = ".".join(path) or "(document)"
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in list(expected) + [k for k in actual if k not in expected]:
            below = path + (key,)
            if tolerance_of(below, tolerances) == "ignore":
                continue
            if key not in actual:
                yield "%s: is gone" % ".".join(below)
            elif key not in expected:
                yield "%s: is new" % ".".join(below)
            else:
                yield from differences(expected[key], actual[key], tolerances, below)
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield "%s: %d entries instead of %d" % (where, len(actual), len(expected))
        for i, (e, a) in enumerate(zip(expected, actual)):
            yield from differences(e, a, tolerances, path + (str(i),))
    elif is_number(expected) and is_number(actual):
        if not close(expected, actual, tolerance):
            moved = " (%+.3g %%)" % (100 * (actual / expected - 1)) if expected else ""
            yield "%s: %r -> %r%s" % (where, expected, actual, moved)
    elif type(expected) is not type(actual) or expected != actual:
        yield "%s: %r -> %r" % (where, expected, actual)


def without_ignored(value, tolerances, path=()):
    """The document as it is stored: ignored fields are not in it."""
    if isinstance(value, dict):
        return {k: without_ignored(v, tolerances, path + (k,)) for k, v in value.items()
                if tolerance_of(path + (k,), tolerances) != "ignore"}
    if isinstance(value, list):
        return [without_ignored(v, tolerances, path + (str(i),)) for i, v in enumerate(value)]
    return value


def answer(plumbline, case):
    done = subprocess.run([plumbline] + case["args"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("plumbline %s exited with %d:\n%s"
                           % (" ".join(case["args"]), done.returncode, done.stderr))
    return json.loads(done.stdout)


def run_case(plumbline, case, update):
    """Whether the case answers as stored; prints what moved."""
    tolerances = {**ALWAYS, **case.get("tolerances", {})}
    actual = answer(plumbline, case)
    path = os.path.join(HERE, "expected", case["name"] + ".json")
    if not os.path.exists(path) and not update:
        print("%s: nothing is stored; look at the answer and store it with --update" % case["name"])
        return False
    expected = None
    if os.path.exists(path):
        with open(path) as stored:
            expected = json.load(stored)
    moved = [] if expected is None else list(differences(expected, actual, tolerances))
    for line in moved:
        print("%s: %s" % (case["name"], line))
    if update and (moved or expected is None):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stored:
            json.dump(without_ignored(actual, tolerances), stored, indent=1)
            stored.write("\n")
        print("%s: stored" % case["name"])
    return update or not moved


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plumbline", required=True, help="the program")
    parser.add_argument("--case", action="append", default=[], help="only these cases")
    parser.add_argument("--update", action="store_true", help="store the present answers")
    options = parser.parse_args()
    with open(os.path.join(HERE, "cases.json")) as table:
        cases = json.load(table)["cases"]
    unknown = set(options.case) - {case["name"] for case in cases}
    if unknown:
        parser.error("no such case: %s" % ", ".join(sorted(unknown)))
    chosen = [c for c in cases if not options.case or c["name"] in options.case]
    results = [run_case(os.path.abspath(options.plumbline), c, options.update) for c in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
