#!/usr/bin/env python3
"""What of calibration/pytorch needs no GPU: rule, files, designs, the comparison of layers.

Usage: pytorch_test.py PLUMBLINE REPOSITORY
"""
import csv
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest

PLUMBLINE, ROOT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SCRIPTS = os.path.join(ROOT, "calibration", "pytorch")
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)

import attention  # noqa: E402
import compare_layers  # noqa: E402
import layers  # noqa: E402
import measuring  # noqa: E402


def feed(value_of, busy_s=0.002):
    rule = measuring.StoppingRule()
    i = 0
    while rule.add(value_of(i), busy_s) == "go_on":
        i += 1
    return rule


class Rule(unittest.TestCase):
    def test_ends_a_constant_after_seven_windows(self):
        rule = feed(lambda i: 100.0)
        self.assertEqual((rule.state, len(rule.windows)), ("converged", 7))

    def test_wants_ten_milliseconds_of_work(self):
        self.assertEqual(len(feed(lambda i: 100.0, 0.0005).windows), 20)

    def test_gives_up_on_a_spread_that_does_not_narrow(self):
        draws = random.Random(1)
        self.assertNotEqual(feed(lambda i: 100.0 * (1 + 0.3 * draws.random())).state, "converged")

    def test_interpolates_quantiles(self):
        self.assertEqual(measuring.quantile([4, 1, 3, 2], 0.5), 2.5)
        self.assertEqual(measuring.quantile([1, 2, 3, 4, 5], 0.9), 4.6)


class Sustained(unittest.TestCase):
    def test_compares_the_first_second_with_what_follows_the_warm_up(self):
        # 100 us at first, 125 us once hot: the factor is 0.8, whatever happens between 1 and 5 s.
        windows = [(0.05 * i, 100.0 if 0.05 * i <= 1 else 110.0 if 0.05 * i <= 5 else 125.0) for i in range(1, 1300)]
        burst, late, factor = measuring.sustained_factor(windows)
        self.assertEqual((burst, late), (100.0, 125.0))
        self.assertAlmostEqual(factor, 0.8)

    def test_refuses_a_run_shorter_than_its_warm_up(self):
        with self.assertRaises(ValueError):
            measuring.sustained_factor([(0.1, 100.0), (4.9, 120.0)])


class Clocks(unittest.TestCase):
    def test_reads_what_nvidia_smi_knows_and_what_it_does_not(self):
        self.assertEqual(measuring.parse_smi("1980, 2619, 698.41, 61"), {"sm_mhz": 1980, "mem_mhz": 2619, "power_w": 698.41, "temp_c": 61})
        self.assertIsNone(measuring.parse_smi("1980, 2619, [N/A], 61")["power_w"])
        with self.assertRaises(ValueError):
            measuring.parse_smi("No devices were found")

    def test_takes_the_median_of_an_interval(self):
        clocks = measuring.Clocks("unused")
        clocks.rows = [{"t_s": t, "sm_mhz": mhz} for t, mhz in ((1, 1980), (10, 1500), (11, None), (12, 1400), (13, 1450))]
        self.assertEqual(clocks.between(5, 20, "sm_mhz"), 1450)
        self.assertIsNone(clocks.between(50, 60, "sm_mhz"))


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "a.csv")

    def tearDown(self):
        self.folder.cleanup()

    def test_are_gone_on_with_behind_the_last_whole_row(self):
        samples = measuring.Samples(self.path, ["n", "us"], ["n"])
        samples.add({"n": 1, "us": 2.5})
        samples.file.close()
        with open(self.path, "a") as text:
            text.write("2,3")  # cut off
        again = measuring.Samples(self.path, ["n", "us"], ["n"])
        self.assertTrue(again.has({"n": 1}))
        self.assertFalse(again.has({"n": 2}))
        again.add({"n": 2, "us": 4.0})
        again.file.close()
        with open(self.path) as text:
            self.assertEqual(text.read(), "n,us\n1,2.5\n2,4\n")

    def test_of_other_columns_are_refused(self):
        with open(self.path, "w") as text:
            text.write("m,n\n1,2\n")
        with self.assertRaises(SystemExit):
            measuring.Samples(self.path, ["n", "us"], ["n"])


class Attention(unittest.TestCase):
    def test_varies_batch_length_heads_head_size_and_mask(self):
        sites = attention.design()
        self.assertEqual(len(sites), len(set(sites)))
        for column, least in enumerate((3, 6, 4, 3, 3, 2)):
            self.assertGreaterEqual(len({s[column] for s in sites}), least)

    def test_writes_what_calibrate_check_reads(self):
        site = (1, 8192, 64, 8, 128, True)
        stats = {"p10_us": 1, "p90_us": 1, "windows": 9, "stopped": "converged", "sm_mhz": 1980, "power_w": 600.0}
        # 644 TFLOP/s forward, 541 backward: what cuDNN does on an H200 (cudnn-frontend's results).
        forward = attention.flops(1, 8192, 64, 128, True) / 644e12 * 1e6
        both = forward + 2.5 * attention.flops(1, 8192, 64, 128, True) / 541e12 * 1e6
        row = attention.row_of(site, dict(stats, median_us=forward), dict(stats, median_us=both))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "flash_attention.csv")
            samples = measuring.Samples(path, attention.COLUMNS, attention.KEY)
            samples.add(row)
            samples.add(attention.row_of((1, 1024, 8, 8, 96, True), None, None))  # refused by the back end
            samples.file.close()
            done = subprocess.run([PLUMBLINE, "calibrate", "check", "h200_sxm_141g", path, "--json", "-"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            import json
            report = json.loads(done.stdout)["by_operation"]
            self.assertEqual(report["attention_prefill"]["n"], 1)
            self.assertLess(report["attention_prefill"]["median_abs_error"], 0.02)
            self.assertLess(report["attention_backward"]["median_abs_error"], 0.02)


class Layers(unittest.TestCase):
    def test_counts_the_products_of_a_layer(self):
        # Llama-3 8B: (4096 x 6144 + 4096 x 4096 + 3 x 4096 x 14336) weights, 2 flops each, per token.
        weights = 4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14336
        shape = next(s for s in layers.SHAPES if s[0] == "llama3_8b")
        self.assertEqual(layers.linear_flops(shape), 2.0 * 8192 * weights)

    def test_differ_in_heads_gates_and_parallelism(self):
        self.assertGreaterEqual(len(layers.SHAPES), 5)
        self.assertEqual({s[5] for s in layers.SHAPES}, {True, False})
        self.assertEqual({s[6] for s in layers.SHAPES}, {1, 4, 8})
        self.assertTrue(set(layers.SUSTAINED) <= {s[0] for s in layers.SHAPES})

    def test_are_predicted_above_the_time_their_products_need_at_the_cards_peak(self):
        for shape in layers.SHAPES:
            row = {k: str(v) for k, v in layers.key_row(shape, "bf16", "burst").items()}
            results = [compare_layers.run(PLUMBLINE, compare_layers.scenario_of(row, n, "h100_sxm_80g", compare_layers.model_of(row, n))) for n in (1, 2)]
            predicted = compare_layers.layer_us(*results)
            bound = 3 * layers.linear_flops(shape) / 989e12 * 1e6  # forward and two gradients
            self.assertGreater(predicted, bound, shape)
            self.assertLess(predicted, 4 * bound, shape)

    def test_errors_are_summed_up_by_size(self):
        median, p90 = compare_layers.summary([-0.1, 0.02, 0.04])
        self.assertAlmostEqual(median, 0.04)
        self.assertAlmostEqual(p90, 0.088)


class Scripts(unittest.TestCase):
    def test_compile(self):
        for name in sorted(os.listdir(SCRIPTS)):
            if name.endswith(".py"):
                with open(os.path.join(SCRIPTS, name)) as text:
                    compile(text.read(), name, "exec")

    def test_run_dry_where_torch_is(self):
        try:
            import torch  # noqa: F401
        except ImportError:
            self.skipTest("torch is not installed: the dry runs of attention.py and layers.py were not made")
        for script in ("attention.py", "layers.py"):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([sys.executable, os.path.join(SCRIPTS, script), folder, "--dry-run"], check=True)
                with open(os.path.join(folder, next(n for n in os.listdir(folder) if n.endswith(".csv") and n != "clocks.csv"))) as text:
                    rows = list(csv.DictReader(text))
                self.assertEqual(len(rows), 1)
                self.assertFalse(any(math.isnan(float(v)) for k, v in rows[0].items() if k.endswith("_us") and v))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
