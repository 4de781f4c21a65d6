"""Reading a run: its fields, whatever their types, or the reason why it is left out."""
from .models import whole


class LeftOut(Exception):
    """The run cannot become a scenario; the text is the reason."""


def normalised(run):
    """A run of one line per measurement (vTrain's single-node table) in the form of the others."""
    if "iteration_time_ms" not in run:
        return run
    return {
        "id": run["id"], "category": "train", "gate": run.get("gate", False),
        "source": "vTrain (Bang et al., MICRO 2024) measured ground truth",
        "locator": "data/ground_truth_single.csv",
        "hardware": {"gpu": "A100-SXM-80GB", "gpus_per_node": 8, "num_gpus": run["gpus"]},
        "model": {"name": "GPT", "layers": run["layers"], "hidden": run["hidden"],
                  "heads": run["heads"]},
        "parallel": {"tp": run["tp"], "pp": run["pp"], "dp": run["dp"]},
        "schedule": "1f1b" if run["pp"] > 1 else "none",
        "microbatch_size": run["microbatch_size"], "global_batch": run["global_batch"],
        "num_microbatches": run["num_microbatches"], "seq_len": run["seq_len"],
        "precision": "fp16",
        "recompute": "selective",
        "notes": "recompute: the repository's configuration says full; the times say attention",
        "measured": {"iteration_time_s": run["iteration_time_ms"] / 1000.0},
    }


SECTIONS = ("hardware", "model", "parallel", "measured", "derived")
TEXTS = ("source", "locator", "schedule", "precision", "notes", "doubt")


def well_formed(run):
    """A copy whose sections are mappings and whose texts are texts, so that nothing below asks.

    @raises LeftOut for a section of another type
    """
    run = dict(run)
    for section in SECTIONS:
        if not isinstance(run.get(section) or {}, dict):
            raise LeftOut("%s is not a mapping" % section)
        run[section] = dict(run.get(section) or {})
    for text in TEXTS:
        run[text] = str(run[text]) if run.get(text) is not None else ""
    run["model"]["name"] = str(run["model"].get("name") or "unnamed")
    for text in ("inter_node", "variant"):
        run["hardware"][text] = str(run["hardware"].get(text) or "")
    return run


def needed(run, *path):
    """A positive integer of the run.  @raises LeftOut when it is absent or only described"""
    value = run
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not whole(value):
        said = " (the source says '%s')" % value if isinstance(value, str) else ""
        raise LeftOut("%s is not printed%s" % (".".join(path), said))
    return value


def optional(run, otherwise, *path):
    """The same where the field may be absent: then `otherwise`."""
    value = run
    for key in path:
        value = value.get(key)
    return otherwise if value is None or value == 0 else needed(run, *path)
