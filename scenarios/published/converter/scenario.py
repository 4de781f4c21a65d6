"""From one run, as its source prints it, to the document of one scenario.

A document is {"name", "notes": [comment lines], "model", "cluster", "parallelism", "schedule",
"training", "measured"} with values that emit.py writes as they are.
"""
import re

from . import models, tables
from .hardware import cluster
from .measured import measured
from .reading import LeftOut, needed, optional, well_formed, whole


def with_inferences(run, notes):
    """The run with what INFERRED adds; @raises LeftOut for what EXCLUDED or `incomplete` names."""
    source, name = run["source"], run["id"]
    for pattern, ids, reason in tables.EXCLUDED:
        if re.search(pattern, source) and re.search(ids, name):
            raise LeftOut(reason)
    filled = set()
    for pattern, ids, field, value, reason in tables.INFERRED:
        if re.search(pattern, source) and re.search(ids, name) and run.get(field) is None:
            run[field] = value
            run["gate"] = False
            filled.add(field)
            notes.append("%s %s: %s" % (field, value, reason))
    spelled = {"mbs": "microbatch_size"}
    named = run.get("incomplete") if isinstance(run.get("incomplete"), list) else []
    missing = [str(f) for f in named if spelled.get(str(f), str(f)) not in filled]
    if missing:
        raise LeftOut("the source does not print %s" % ", ".join(missing))
    return run


def software(run, profile, notes):
    found = tables.lookup(tables.SOFTWARE, run["source"])
    if found:
        return found
    guess = tables.software_by_gpu(profile)
    notes.append("training.software: the source's stack is not known; %s assumed" % guess[0])
    return guess


def parallelism(run, total, era):
    _, zero, sequence, _ = era
    parallel = run["parallel"]
    tensor, pipeline = needed(run, "parallel", "tp"), needed(run, "parallel", "pp")
    context = optional(run, 1, "parallel", "cp")
    if total % (tensor * pipeline * context):
        raise LeftOut("tp x pp x cp = %d does not divide %d GPUs" %
                      (tensor * pipeline * context, total))
    data = optional(run, total // (tensor * pipeline * context), "parallel", "dp")
    product = tensor * pipeline * context * data
    if product != total:
        raise LeftOut("tp x pp x cp x dp = %d ranks are not the %d GPUs" % (product, total))
    out = {"tensor": tensor, "pipeline": pipeline, "data": data}
    if context > 1:
        out["context"] = context
    expert = optional(run, 1, "parallel", "ep")
    if expert > 1:
        out["expert"] = expert
    printed = re.search(r"\bETP (\d+)", run["notes"])
    # NeMo's DeepSeek-V3 recipe and Megatron-Bridge's keep experts whole.  Where nothing says so,
    # Megatron-Core splits them as the dense layers, which is what a scenario's silence means.
    whole = "Megatron-Bridge" in run["source"] or "DeepSeek" in run["model"]["name"]
    expert_tensor = optional(run, int(printed.group(1)) if printed else 1 if whole else None,
                             "parallel", "etp")
    if expert > 1 and tensor > 1 and expert_tensor is not None:
        out["expert_tensor"] = expert_tensor
    if tensor > 1:
        stated = parallel.get("sp")
        out["sequence_parallel"] = stated if isinstance(stated, bool) else sequence
    if optional(run, 1, "parallel", "fsdp") > 1:
        zero = 3
    printed = parallel.get("zero")
    out["zero_stage"] = printed if printed in (0, 1, 2, 3) else zero
    return out


def schedule(run, plan):
    """The scenario's `schedule`; sets plan["virtual_stages"]."""
    text = run["schedule"] or "none"
    pipeline = plan["pipeline"]
    row = tables.lookup(tables.SCHEDULES, text)
    if row is None:
        raise LeftOut("no schedule like '%s'" % text)
    if pipeline == 1:
        return "1f1b"
    name, virtual, limit = row
    if re.match("none", text, re.IGNORECASE):
        raise LeftOut("schedule is '%s' with %d pipeline stages" % (text, pipeline))
    if virtual is None:
        virtual = needed(run, "parallel", "vpp")
    elif name == "1f1b":
        virtual = optional(run, 1, "parallel", "vpp")
        name = "interleaved_1f1b" if virtual > 1 else name
    if virtual > 1:
        plan["virtual_stages"] = virtual
    return {"name": name, "max_live_activations": limit * pipeline} if limit else name


def layer_split(run, layers, plan, base, notes):
    """`layers_per_stage` as a list, or None where every stage has the same number."""
    stages = plan["pipeline"] * plan.get("virtual_stages", 1)
    lighter = re.search("one fewer transformer layer", run["notes"])
    if layers % stages == 0 and not lighter:
        return None
    if (layers + 2) % stages == 0:
        each = (layers + 2) // stages
        if not lighter:
            notes.append("training.layers_per_stage: embedding and loss counted as layers, "
                         "%d + 2 = %d x %d" % (layers, stages, each))
        return [each - 1] + [each] * (stages - 2) + [each - 1]
    if re.match("deepseek_v3|kimi_k2", base):
        notes.append("training.layers_per_stage: Megatron-Bridge's pp_layout")
        if stages == 32:
            return tables.DEEPSEEK_32
        each = -(-layers // stages)
        return [max(0, min(each, layers - i * each)) for i in range(stages)]
    raise LeftOut("%d layers over %d stages: the split is not printed" % (layers, stages))


def precision(run, era):
    text = run["precision"]
    if not text and era[0] == "zero_bubble_2023":
        return {"precision": "fp16"}, "training.precision: --fp16 in the authors' script"
    found = tables.lookup(tables.PRECISION, text)
    if not found:
        raise LeftOut("precision is not printed" if not text else "no precision like '%s'" % text)
    name, recipe = found
    if recipe == "":
        bridge = re.search("Megatron-Bridge", run["source"])
        recipe = "current" if bridge else "delayed"
    out = {"precision": name}
    if recipe:
        out["fp8_recipe"] = recipe
    return out, None


def recompute(run, base, profile, notes):
    text = run.get("recompute")
    text = "not printed" if text is None else str(text)
    found = tables.lookup(tables.RECOMPUTE, text)
    for source, model, gpu, modules, reason in tables.RECIPES:
        if re.search(source, run["source"]) and re.search(model, base) and \
                re.search(gpu, profile) and re.search("not|recipe", text):
            notes.append("training.recompute: %s" % reason)
            return {"granularity": "selective", "modules": modules}
    if re.search("per recipe|not stated|not printed|none stated", text):
        notes.append("training.recompute: not printed; none, as in the recipe")
        return "none"
    if not found:
        raise LeftOut("no recomputation like '%s'" % text)
    value = found[0]
    return {"granularity": "selective", "modules": value} if isinstance(value, list) else value


def training(run, plan, era, base, profile, notes):
    sequence = needed(run, "seq_len")
    micro, batch = needed(run, "microbatch_size"), needed(run, "global_batch")
    if batch % (micro * plan["data"]):
        raise LeftOut("global batch %d is not a multiple of %d x %d" % (batch, micro, plan["data"]))
    count = run.get("num_microbatches")
    if whole(count) and count * micro * plan["data"] != batch:
        raise LeftOut("%d micro-batches of %d on %d replicas are not the global batch %d" %
                      (count, micro, plan["data"], batch))
    numbers, comment = precision(run, era)
    if comment:
        notes.append(comment)
    out = {"sequence_length": sequence, "micro_batch_size": micro, "global_batch_size": batch}
    out.update(numbers)
    out["recompute"] = recompute(run, base, profile, notes)
    out["attention"] = era[3]
    out["software"] = era[0]
    return out


PLAN_ORDER = ("tensor", "pipeline", "virtual_stages", "data", "context", "context_communication",
              "expert", "expert_tensor", "sequence_parallel", "zero_stage")


def details(run, plan, out, notes):
    """Adds what DETAILS says of this run to the plan and to `training`, with its reason."""
    for source, ids, keys, plan_keys, reason in tables.DETAILS:
        if re.search(source, run["source"]) and re.search(ids, run["id"]):
            out.update(keys)
            plan.update(plan_keys)
            about = ["training.%s" % k for k in keys] + ["parallelism.%s" % k for k in plan_keys]
            notes.append("%s: %s" % (", ".join(about) or "not described", reason))


def convert(run, known):
    """The scenario's document.  @raises LeftOut with the reason"""
    if run.get("category") != "train":
        raise LeftOut(tables.OTHER_CATEGORIES.get(str(run.get("category")), "no training run"))
    notes = []
    run = with_inferences(well_formed(run), notes)
    box, total = cluster(run, notes)
    needed(run, "seq_len")
    era = software(run, box["gpu"], notes)
    plan = parallelism(run, total, era)
    try:
        model, layers, base = models.describe(run, known, notes)
    except models.Unknown as reason:
        raise LeftOut(str(reason)) from None
    order = schedule(run, plan)
    split = layer_split(run, layers, plan, base, notes)
    steps = training(run, plan, era, base, box["gpu"], notes)
    if split:
        steps["layers_per_stage"] = split
    details(run, plan, steps, notes)
    name = "%s on %d %s" % (run["model"]["name"], total, box["gpu"].split("_")[0].upper())
    return {"name": name, "notes": notes, "model": model, "cluster": box,
            "parallelism": {k: plan[k] for k in PLAN_ORDER if k in plan}, "schedule": order,
            "training": steps, "measured": measured(run, plan, total, notes)}
