#!/usr/bin/env python3
"""Whole layers: what `plumbline run` says beside what layers.py measured.

Usage: compare_layers.py LAYERS.csv --gpu GPU [--plumbline BIN] [--json FILE]

The prediction of a layer is the difference between a run with two layers and one with one, on one rank, in
the parts that were measured: compute, without communication, optimizer, embedding or head. A run is priced at the
profile's sustained rates, so layers_sustained.csv is what it shall match; burst rows are faster by the sustained factor.
Prints the median and the 90th percentile of the absolute errors.
"""
import argparse
import csv
import json
import subprocess
import sys
import tempfile
import os

import measuring


def model_of(row, layers):
    """The inline model of a scenario: the layer as a whole, before tensor parallelism."""
    gated = row["gated"] == "1"
    hidden, heads = int(row["hidden"]), int(row["heads"])
    return {"layers": layers, "hidden": hidden, "heads": heads, "kv_heads": int(row["kv_heads"]), "head_dim": hidden // heads,
            "ffn": int(row["ffn"]), "vocab": 32000, "max_positions": int(row["seqlen"]), "activation": "swiglu" if gated else "gelu",
            "normalization": "layernorm", "positions": "none", "tied_embeddings": False}


def scenario_of(row, layers, gpu, model):
    """As YAML text (JSON is YAML): one replica, tp ranks in one node; the link does not matter, because only compute is compared."""
    tp = int(row["tp"])
    return json.dumps({
        "name": "one layer", "model": model,
        "cluster": {"gpu": gpu, "gpus_per_node": tp, "nodes": 1, "intra_node": "nvlink4", "inter_node": "ib_ndr400"},
        "parallelism": {"tensor": tp, "pipeline": 1, "data": 1, "sequence_parallel": tp > 1}, "schedule": "1f1b",
        "training": {"sequence_length": int(row["seqlen"]), "micro_batch_size": int(row["batch"]), "global_batch_size": int(row["batch"]),
                     "precision": row["dtype"], "recompute": "none"}})


def compute_of(result):
    return result["training"]["breakdown_s"]["compute"]


def layer_us(one, two):
    """Microseconds of a layer from the results of one and of two layers."""
    return 1e6 * (compute_of(two) - compute_of(one))


def summary(errors):
    """(median, p90) of the absolute values."""
    sizes = [abs(e) for e in errors]
    return measuring.quantile(sizes, 0.5), measuring.quantile(sizes, 0.9)


def run(binary, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "layer.yaml")
        with open(path, "w") as out:
            out.write(text)
        done = subprocess.run([binary, "run", path, "--json", "-"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("plumbline refuses the layer:\n" + done.stderr)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples")
    parser.add_argument("--gpu", required=True)
    parser.add_argument("--plumbline", default="plumbline")
    parser.add_argument("--json")
    options = parser.parse_args()
    with open(options.samples, newline="") as text:
        rows = list(csv.DictReader(text))
    out = []
    for row in rows:
        one, two = (run(options.plumbline, scenario_of(row, n, options.gpu, model_of(row, n))) for n in (1, 2))
        predicted, measured = layer_us(one, two), float(row["step_us"])
        out.append({"name": row["name"], "tp": int(row["tp"]), "dtype": row["dtype"], "regime": row["regime"], "predicted_us": predicted,
                    "measured_us": measured, "error": predicted / measured - 1})
        print("%-14s tp%-2d %-5s %-10s predicted %10.1f us, measured %10.1f us, %+6.1f %%" % (
            row["name"], int(row["tp"]), row["dtype"], row["regime"], predicted, measured, 100 * out[-1]["error"]))
    if not out:
        print("no layers in %s" % options.samples)
        return 2
    print("median %.1f %%, p90 %.1f %%" % tuple(100 * x for x in summary([r["error"] for r in out])))
    if options.json:
        with open(options.json, "w") as text:
            json.dump(out, text, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
