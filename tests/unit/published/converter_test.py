#!/usr/bin/env python3
"""The converter of published runs: every kind of run becomes the scenario that it describes, and
one that is incomplete is left out with its reason.  All runs here are invented.

Usage: converter_test.py REPOSITORY
"""
import copy
import os
import subprocess
import sys
import tempfile
import unittest

import yaml

REPOSITORY = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 else ".")
CONVERT = os.path.join(REPOSITORY, "scenarios", "published", "convert")

PIPELINE = {
    "id": "invented-pipeline", "category": "train", "source": "An invented paper, arXiv:2205.05198",
    "locator": "Table 1",
    "hardware": {"gpu": "A100-SXM-80GB", "gpus_per_node": 8, "num_gpus": 64,
                 "inter_node": "8x HDR200 IB per node"},
    "model": {"name": "Invented-9B", "layers": 48, "hidden": 4096, "heads": 32, "vocab": 51200},
    "parallel": {"tp": 4, "pp": 4, "dp": 4, "vpp": 3, "sp": True},
    "schedule": "interleaved_1f1b", "microbatch_size": 2, "global_batch": 64,
    "num_microbatches": 8, "seq_len": 2048, "precision": "fp16 mixed", "recompute": "full",
    "measured": {"iteration_time_s": 3.5, "peak_memory_gib": 41.0}, "gate": True,
}


def changed(base, **changes):
    """A copy of a run; a mapping updates the section of its name, None removes a field."""
    run = copy.deepcopy(base)
    for key, value in changes.items():
        section = run.setdefault(key, {}) if isinstance(value, dict) else None
        for name, inner in (value.items() if section is not None else ()):
            if inner is None:
                section.pop(name, None)
            else:
                section[name] = inner
        if section is None and value is None:
            run.pop(key, None)
        elif section is None:
            run[key] = value
    return run


ZERO_BUBBLE = changed(
    PIPELINE, id="invented-zb", source="Zero Bubble Pipeline Parallelism, arXiv:2401.10241",
    hardware={"num_gpus": 8, "inter_node": None},
    model={"layers": 22, "vocab": None}, parallel={"tp": 1, "pp": 8, "dp": 1, "vpp": 1},
    schedule="ZB-2p", microbatch_size=1, global_batch=24, num_microbatches=24, precision=None,
    recompute="none", measured={"iteration_time_s": None, "samples_per_gpu_per_s": 2.5},
    notes="first and last stages have one fewer transformer layer than the others")
HOPPER = changed(
    PIPELINE, id="invented-hopper", source="NVIDIA dgxc-benchmarking recipes v24.11.1",
    hardware={"gpu": "H100-SXM-80GB", "inter_node": None},
    model={"name": "Llama-3.1-70B", "layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8,
           "ffn": 28672, "vocab": 128256},
    parallel={"tp": 4, "pp": 4, "cp": 2, "dp": 2, "vpp": 5, "ep": None, "sp": None},
    global_batch=128, num_microbatches=64, microbatch_size=1, seq_len=8192, precision="FP8",
    recompute="not stated")
FSDP = changed(
    HOPPER, id="invented-fsdp", source="NVIDIA Megatron-Bridge performance summary",
    hardware={"gpu": "GB200", "gpus_per_node": 4},
    parallel={"tp": 1, "pp": 1, "cp": 1, "dp": 64, "vpp": None, "fsdp": 64}, schedule="none",
    precision="FP8-CS", global_batch=64, num_microbatches=1,
    measured={"iteration_time_s": None, "tokens_per_s_per_gpu": 4000.0, "peak_memory_gib": None})
MIXTURE = changed(
    FSDP, id="invented-moe", model={"name": "DeepSeekV3", "layers": None, "hidden": None,
                                    "heads": None, "kv_heads": None, "ffn": None, "vocab": None},
    parallel={"pp": 4, "dp": 16, "vpp": 4, "ep": 16, "fsdp": 0}, schedule="interleaved_1f1b",
    precision="MXFP8", global_batch=256, num_microbatches=16, gate=False)


def read(path):
    with open(path) as text:
        return text.read()


def converted(*runs):
    """({id: scenario}, text of left_out.md) of one conversion."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "runs.yaml")
        with open(source, "w") as out:
            yaml.safe_dump(list(runs), out)
        target = os.path.join(folder, "out")
        subprocess.run([sys.executable, CONVERT, source, target], check=True, capture_output=True)
        scenarios = {}
        for name in os.listdir(target):
            if name.endswith(".yaml"):
                scenarios[name[:-len(".yaml")]] = yaml.safe_load(read(os.path.join(target, name)))
        return scenarios, read(os.path.join(target, "left_out.md"))


def one(run):
    scenarios, left_out = converted(run)
    assert run["id"] in scenarios, left_out
    return scenarios[run["id"]]


class ARunBecomesItsScenario(unittest.TestCase):
    def test_with_the_printed_sizes(self):
        scenario = one(PIPELINE)
        self.assertEqual(scenario["parallelism"],
                         {"tensor": 4, "pipeline": 4, "virtual_stages": 3, "data": 4,
                          "sequence_parallel": True, "zero_stage": 0})
        self.assertEqual(scenario["cluster"],
                         {"gpu": "a100_sxm_80g", "gpus_per_node": 8, "nodes": 8,
                          "intra_node": "nvlink3", "inter_node": "ib_hdr200"})
        self.assertEqual(scenario["schedule"], "interleaved_1f1b")
        training = scenario["training"]
        self.assertEqual((training["sequence_length"], training["micro_batch_size"],
                          training["global_batch_size"]), (2048, 2, 64))
        self.assertEqual((training["precision"], training["recompute"], training["attention"]),
                         ("fp16", "full", "unfused"))
        self.assertNotIn("layers_per_stage", training)

    def test_with_what_was_measured_and_where(self):
        measured = one(PIPELINE)["measured"]
        self.assertEqual((measured["iteration_time_s"], measured["peak_memory_gib"]), (3.5, 41.0))
        self.assertIs(measured["gate"], True)
        self.assertEqual(measured["source"], PIPELINE["source"])
        for part in (PIPELINE["locator"], PIPELINE["id"]):
            self.assertIn(part, measured["notes"])

    def test_with_printed_dimensions_as_a_gpt_of_its_years(self):
        model = one(PIPELINE)["model"]
        self.assertEqual((model["layers"], model["hidden"], model["heads"], model["vocab"]),
                         (48, 4096, 32, 51200))
        self.assertEqual((model["ffn"], model["activation"], model["positions"]),
                         (4 * 4096, "gelu", "learned"))

    def test_under_a_name_of_models_when_all_dimensions_agree(self):
        self.assertEqual(one(HOPPER)["model"], "llama3_70b")

    def test_under_a_name_with_fewer_layers_when_only_those_differ(self):
        shallow = changed(HOPPER, model={"layers": 40})
        self.assertEqual(one(shallow)["model"], {"base": "llama3_70b", "layers": 40})

    def test_with_its_own_dimensions_when_a_known_name_has_others(self):
        wide = one(changed(HOPPER, model={"ffn": 20480}))["model"]
        self.assertEqual((wide["ffn"], wide["activation"], wide["hidden"]), (20480, "swiglu", 8192))

    def test_of_nvl72_with_its_domain(self):
        self.assertEqual(one(FSDP)["cluster"]["gpus_per_nvlink_domain"], 72)

    def test_with_the_nics_that_are_printed(self):
        half = one(changed(PIPELINE, hardware={"inter_node": "800 Gb/s per node (repo config)"}))
        self.assertEqual((half["cluster"]["inter_node"], half["cluster"]["nics_per_node"]),
                         ("ib_hdr200", 4))
        path = one(changed(PIPELINE, hardware={"inter_node": "4x Omni-Path 100 per node"}))
        self.assertEqual((path["cluster"]["inter_node"], path["cluster"]["nics_per_node"]),
                         ("ib_edr100", 4))
        roce = one(changed(PIPELINE, hardware={"inter_node": "8x 400 Gb/s RoCE per node"}))
        self.assertEqual(roce["cluster"]["inter_node"], "roce_400")

    def test_of_a_card_with_a_lower_limit(self):
        capped = one(changed(HOPPER, hardware={"variant": "H100 96 GB HBM2e, 500 W limit"}))
        self.assertEqual(capped["cluster"]["power_limit_w"], 500)

    def test_with_the_precision_and_its_scaling(self):
        for printed, precision, recipe in (
                ("FP8", "fp8", "delayed"), ("BF16", "bf16", None), ("MXFP8", "mxfp8", None),
                ("NVFP4", "nvfp4", None), ("FP8-CS", "fp8", "current"), ("FP8-MX", "mxfp8", None),
                ("FP8-CS (FP8-MX)", "fp8", "current"), ("bf16/fp16 mixed", "bf16", None)):
            training = one(changed(HOPPER, precision=printed))["training"]
            self.assertEqual((training["precision"], training.get("fp8_recipe")),
                             (precision, recipe), printed)

    def test_of_fsdp_with_split_weights(self):
        self.assertEqual(one(FSDP)["parallelism"]["zero_stage"], 3)
        self.assertEqual(one(HOPPER)["parallelism"]["zero_stage"], 1)

    def test_of_experts_with_their_ranks_and_the_recipes_layout(self):
        scenario = one(MIXTURE)
        self.assertEqual(scenario["model"], "deepseek_v3")
        self.assertEqual(scenario["parallelism"]["expert"], 16)
        self.assertEqual(scenario["training"]["layers_per_stage"], [4] * 15 + [1])

    def test_with_one_rate_when_no_time_is_printed(self):
        measured = one(ZERO_BUBBLE)["measured"]
        self.assertEqual(measured["samples_per_s"], 2.5 * 8)
        self.assertNotIn("iteration_time_s", measured)
        self.assertEqual(one(FSDP)["measured"]["tokens_per_s_per_gpu"], 4000.0)

    def test_with_the_derived_time_only_when_nothing_is_printed(self):
        derived = changed(PIPELINE, measured={"iteration_time_s": None},
                          derived={"iteration_time_s": 9.0})
        self.assertEqual(one(derived)["measured"]["iteration_time_s"], 9.0)
        printed = changed(PIPELINE, derived={"iteration_time_s": 9.0})
        self.assertEqual(one(printed)["measured"]["iteration_time_s"], 3.5)

    def test_with_the_largest_memory_of_each_pipeline_rank(self):
        ranks = {str(i): 40.0 + i for i in range(64)}
        run = changed(PIPELINE, measured={"peak_memory_gib": None, "peak_alloc_gib": 103.0,
                                          "peak_alloc_gib_by_rank": ranks})
        self.assertEqual(one(run)["measured"]["peak_memory_gib"], [55.0, 71.0, 87.0, 103.0])


class AZeroBubbleRun(unittest.TestCase):
    def test_is_searched_within_its_activations(self):
        for printed, expected in (("ZB-1p", {"name": "zb_h1", "max_live_activations": 8}),
                                  ("ZB-2p", {"name": "zb_h2", "max_live_activations": 16}),
                                  ("ZB-H1", "zb_h1"), ("ZB-H2", "zb_h2"), ("1f1b", "1f1b")):
            self.assertEqual(one(changed(ZERO_BUBBLE, schedule=printed))["schedule"], expected)

    def test_has_a_layer_fewer_at_both_ends(self):
        split = one(ZERO_BUBBLE)["training"]["layers_per_stage"]
        self.assertEqual(split, [2, 3, 3, 3, 3, 3, 3, 2])

    def test_in_a_v_has_embedding_and_head_alone_on_the_first_rank(self):
        deep = changed(ZERO_BUBBLE, model={"layers": 30})
        for printed, name in (("ZB-V", "zb_v"), ("V-Half", "v_half"), ("V-Min", "v_min")):
            scenario = one(changed(deep, schedule=printed))
            self.assertEqual((scenario["schedule"], scenario["parallelism"]["virtual_stages"]),
                             (name, 2))
            self.assertEqual(scenario["training"]["layers_per_stage"], [1] + [2] * 14 + [1])

    def test_interleaved_layer_by_layer_leaves_the_ends_empty(self):
        run = changed(ZERO_BUBBLE, schedule="interleaved_1f1b", parallel={"vpp": 3})
        self.assertEqual(one(run)["training"]["layers_per_stage"], [0] + [1] * 22 + [0])


class AnIncompleteRun(unittest.TestCase):
    def assert_left_out(self, reason, run):
        scenarios, left_out = converted(run)
        self.assertNotIn(run["id"], scenarios)
        self.assertIn(run["id"], left_out)
        self.assertIn(reason, left_out)

    def test_is_left_out_with_its_reason(self):
        for reason, run in (
                ("microbatch_size is not printed",
                 changed(PIPELINE, microbatch_size="not printed")),
                ("the source does not print vpp", changed(PIPELINE, incomplete=["vpp"])),
                ("parallel.vpp is not printed", changed(PIPELINE, parallel={"vpp": None})),
                ("model.layers is not printed", changed(PIPELINE, model={"layers": None})),
                ("seq_len is not printed", changed(PIPELINE, seq_len=None)),
                ("no profile of the GPU 'Gaudi 3'", changed(PIPELINE, hardware={"gpu": "Gaudi 3"})),
                ("= 128 ranks are not the 64 GPUs", changed(PIPELINE, parallel={"dp": 8})),
                ("are not the global batch", changed(PIPELINE, num_microbatches=9)),
                ("no schedule like", changed(PIPELINE, schedule="boustrophedon")),
                ("the split is not printed", changed(PIPELINE, model={"layers": 49})),
                ("neither a time nor a rate", changed(PIPELINE, measured={
                    "iteration_time_s": None, "peak_memory_gib": None})),
                ("Mamba layers", changed(HOPPER, model={"name": "Nemotron_3_Nano"})),
                ("no model called 'Secret'", changed(MIXTURE, model={"name": "Secret"})),
                ("fine-tuning", changed(PIPELINE, category="finetune"))):
            with self.subTest(reason):
                self.assert_left_out(reason, run)

    def test_never_stops_the_conversion_of_the_others(self):
        broken = changed(PIPELINE, id="broken", parallel={"tp": None})
        scenarios, _ = converted(broken, PIPELINE, HOPPER)
        self.assertEqual(set(scenarios), {PIPELINE["id"], HOPPER["id"]})

    def test_is_told_from_a_complete_one_whatever_field_is_spoilt(self):
        spoilt = []
        for base in (PIPELINE, ZERO_BUBBLE, MIXTURE):
            for key, value in base.items():
                if key == "id":
                    continue
                fields = value if isinstance(value, dict) else {None: None}
                for field in [None, *(f for f in fields if f)]:
                    for junk in (None, "not printed", -1, 2.5, [], True):
                        run = copy.deepcopy(base)
                        (run if field is None else run[key])[field or key] = junk
                        run["id"] = "run-%d" % len(spoilt)
                        spoilt.append(run)
        scenarios, left_out = converted(*spoilt)
        for run in spoilt:
            if run["category"] == "train":
                self.assertTrue(run["id"] in scenarios or "`%s`" % run["id"] in left_out, run)


class AConversion(unittest.TestCase):
    def test_is_the_same_twice_and_replaces_an_earlier_one(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "runs.yaml"), os.path.join(folder, "out")

            def convert(*runs):
                with open(source, "w") as out:
                    yaml.safe_dump(list(runs), out)
                subprocess.run([sys.executable, CONVERT, source, target], check=True,
                               capture_output=True)
                return {n: read(os.path.join(target, n)) for n in os.listdir(target)}

            first = convert(PIPELINE, HOPPER)
            self.assertEqual(first, convert(PIPELINE, HOPPER))
            self.assertEqual(set(convert(HOPPER)), {HOPPER["id"] + ".yaml", "left_out.md"})

    def test_reads_one_line_rows_of_vtrains_single_node_table(self):
        row = {"id": "row-1", "gpus": 8, "global_batch": 16, "microbatch_size": 2, "hidden": 1024,
               "heads": 16, "layers": 24, "seq_len": 1024, "tp": 2, "dp": 2, "pp": 2,
               "num_microbatches": 4, "iteration_time_ms": 140.5}
        scenario = one(row)
        self.assertEqual(scenario["measured"]["iteration_time_s"], 0.1405)
        self.assertEqual(scenario["training"]["recompute"], "selective")
        self.assertEqual(scenario["cluster"]["nodes"], 1)

    def test_counts_what_is_no_training_run(self):
        scenarios, left_out = converted(changed(PIPELINE, category="link"), HOPPER)
        self.assertEqual(list(scenarios), [HOPPER["id"]])
        self.assertIn("link (1)", left_out)


if __name__ == "__main__":
    unittest.main()
