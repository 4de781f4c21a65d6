#!/usr/bin/env python3
"""Is the model still as right as docs/accuracy.md and docs/serving_accuracy.md say?  Runs `plumbline validate`
over the published runs and holds its summary over `gate: true` against limits a little above what was seen last.

Usage: accuracy_test.py --plumbline PROGRAM

The limits are a ratchet for regressions, not a claim of their own: lower them when the model improves.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMITS = {  # folder: metric: (least number of runs, median, 90th percentile, bias either way)
  "scenarios/published": {
    "iteration_time_s": (268, 0.041, 0.095, 0.015),
    "peak_memory_gib": (96, 0.025, 0.07, 0.02),
  },
  "scenarios/serving_published": {
    "tpot_s": (364, 0.08, 0.30, 0.06),
    "e2e_s": (457, 0.06, 0.28, 0.04),
    "request_ttft_s": (300, 0.10, 0.38, 0.05),
    "request_tpot_s": (300, 0.035, 0.065, 0.035),
    "request_e2e_s": (300, 0.035, 0.075, 0.035),
    "ttft_mean_s": (3, 0.21, 0.22, 0.21),
    "tpot_mean_s": (3, 0.04, 0.12, 0.04),
    "e2e_mean_s": (3, 0.045, 0.14, 0.045),
    "iteration_time_s": (3, 0.04, 0.10, 0.04),
  },
}


# What intervals of 90 % promise: (least coverage, most coverage, median half width at most).
INTERVALS = {"scenarios/published": (0.85, 0.97, 0.08)}


def check(program, folder, limits):
    done = subprocess.run([program, "validate", folder, "--json", "-"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        print("validate ended with %d: %s" % (done.returncode, done.stderr))
        return 1
    document = json.loads(done.stdout)
    summary = document["summary"]
    misses = 0
    for metric, (runs, median, p90, bias) in limits.items():
        seen = summary[metric]
        line = "%s: %d runs, median %.2f %%, p90 %.2f %%, bias %+.2f %%" % (
            metric, seen["n"], 100 * seen["median_abs_error"], 100 * seen["p90_abs_error"], 100 * seen["bias"])
        bad = (seen["n"] < runs or seen["median_abs_error"] > median or seen["p90_abs_error"] > p90
               or abs(seen["bias"]) > bias)
        misses += bad
        print(line + (" (worse than the limits %s)" % (limits[metric],) if bad else ""))
    if folder in INTERVALS:
        least, most, width = INTERVALS[folder]
        seen = document["intervals"]["all"]
        bad = not least <= seen["coverage"] <= most or seen["median_half_width"] > width
        misses += bad
        print("intervals: %.1f %% of %d inside, median half width %.2f %%, score %.1f %%%s" % (
            100 * seen["coverage"], seen["n"], 100 * seen["median_half_width"], 100 * seen["interval_score"],
            " (worse than the limits %s)" % (INTERVALS[folder],) if bad else ""))
    return misses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plumbline", required=True)
    options = parser.parse_args()
    misses = sum(check(options.plumbline, folder, limits) for folder, limits in LIMITS.items())
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
