"""What was measured, in the words of a scenario's `measured:` block."""
from .reading import LeftOut


def by_pipeline_rank(values, pipeline, total):
    """The largest of each pipeline rank; GPUs are numbered pipeline-last (Megatron's order)."""
    try:
        numbered = [float(values[k]) for k in sorted(values, key=int)]
    except (TypeError, ValueError):
        return None
    if len(numbered) == pipeline:
        return numbered
    if len(numbered) != total:
        return None
    share = total // pipeline
    return [max(numbered[r * share:(r + 1) * share]) for r in range(pipeline)]


def positive(section, key):
    """The number under `key`, or None when it is absent, described in words or not positive."""
    value = section.get(key)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number and value > 0 else None


def pace(run, total, notes):
    """The one time or rate that the prediction is compared with, the printed before the derived."""
    seen, derived = run["measured"], run["derived"]
    for key in ("iteration_time_s", "tokens_per_s_per_gpu"):
        if positive(seen, key):
            return {key: seen[key]}
    per_gpu = positive(seen, "samples_per_gpu_per_s")
    if per_gpu:
        notes.append("measured.samples_per_s: %s a GPU and second, %d GPUs" % (per_gpu, total))
        return {"samples_per_s": round(per_gpu * total, 6)}
    for key in ("tokens_per_s", "samples_per_s"):
        if positive(seen, key):
            return {key: seen[key]}
    if positive(seen, "model_tflops_per_gpu"):
        return {"model_tflops_per_gpu": seen["model_tflops_per_gpu"], "flops": "full_attention"}
    if positive(derived, "iteration_time_s"):
        notes.append("measured.iteration_time_s: derived, %s" %
                     (derived.get("how") or "from the printed rate"))
        return {"iteration_time_s": derived["iteration_time_s"]}
    return {}


def measured(run, plan, total, notes):
    seen = run["measured"]
    out = pace(run, total, notes)
    if not out and not any(k.startswith("peak_") for k in seen):
        raise LeftOut("neither a time nor a rate is printed")
    memory = positive(seen, "peak_alloc_gib") or positive(seen, "peak_memory_gib")
    if not memory and positive(seen, "peak_memory_gb"):
        memory = seen["peak_memory_gb"]
        notes.append("measured.peak_memory_gib: printed as GB, read as GiB; counter not named")
    for printed, key, scalar in (("peak_alloc_gib_by_rank", "peak_memory_gib", memory),
                                 ("peak_memory_gib_by_rank", "peak_memory_gib", memory),
                                 ("peak_reserved_gib_by_rank", "peak_reserved_gib",
                                  positive(seen, "peak_reserved_gib"))):
        values = seen.get(printed)
        if isinstance(values, list):
            values = {str(i): v for i, v in enumerate(values)}
        known = isinstance(values, dict) and values
        ranks = by_pipeline_rank(values, plan["pipeline"], total) if known else None
        if ranks:
            out[key] = ranks if len(ranks) > 1 else ranks[0]
        elif key not in out and scalar:
            out[key] = scalar
    out["gate"] = run.get("gate") is True
    out["source"] = run["source"]  # alone: `plumbline validate` groups by it
    remarks = [run["locator"], run["id"], run["notes"], run["doubt"] and "doubt: " + run["doubt"],
               run.get("doubt_of_configuration"), run.get("resolution")]
    text = "; ".join(str(t) for t in remarks if t)
    if text:
        out["notes"] = text
    return out
