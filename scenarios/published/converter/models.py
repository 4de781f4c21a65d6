"""From a run's printed model to a name in models/ or an inline mapping."""
import os
import re

import yaml

from . import tables

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "models")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one reads 30,000 lines in a second
PRINTED = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")


class Unknown(Exception):
    """The model cannot be described; the text says why."""


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_models(folder=FOLDER):
    """{plain name or alias: (name, dimensions)} of every file in models/."""
    known = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".yaml"):
            continue
        with open(os.path.join(folder, file), encoding="utf-8") as text:
            dimensions = yaml.load(text, Loader=LOADER)
        name = file[:-len(".yaml")]
        known[plain(name)] = (name, dimensions)
        for alias in dimensions.get("aliases", []):
            known.setdefault(plain(alias), (name, dimensions))
    return known


def named(printed_name, known):
    """(name, dimensions) in models/ of what the run calls its model, or None."""
    bare = plain(re.sub(r"\(.*?\)|\bwith \d+ layers\b|\bMoE\b", "", printed_name))
    for candidate in (bare, plain(tables.MODEL_NAMES.get(bare, "")), plain(printed_name)):
        if candidate and candidate in known:
            return known[candidate]
    return None


def differences(model, dimensions):
    """The printed dimensions that differ from those of a file in models/."""
    stated = {k: model[k] for k in PRINTED if whole(model.get(k))}
    experts = dimensions.get("moe") or {}
    theirs = dict(dimensions)
    theirs.setdefault("kv_heads", dimensions.get("heads"))
    if experts and not experts.get("first_dense_layers"):
        theirs["ffn"] = experts.get("expert_ffn", dimensions.get("ffn"))
    return {k: v for k, v in stated.items() if k in theirs and theirs[k] != v}


def gpt(model, source, seq_len, notes):
    """An inline mapping of a GPT-like model of the years before rotary positions."""
    mapping = {"name": model["name"], "source": "the run's own printed dimensions"}
    for key in ("layers", "hidden", "heads"):
        if not whole(model.get(key)):
            raise Unknown("model.%s is not printed" % key)
        mapping[key] = model[key]
    if whole(model.get("kv_heads")):
        mapping["kv_heads"] = model["kv_heads"]
    mapping["ffn"] = model["ffn"] if whole(model.get("ffn")) else 4 * model["hidden"]
    family = tables.lookup(tables.FAMILIES, model["name"])
    traits = dict(family[0] if family else tables.GPT)
    if not family:
        changes = tables.lookup(tables.GPT_CHANGES, source)
        if changes:
            traits.update(changes[0])
            notes.append("model: %s" % changes[1])
    mapping["vocab"] = model["vocab"] if whole(model.get("vocab")) else None
    if not mapping["vocab"]:
        vocabulary = tables.lookup(tables.VOCABULARIES, source)
        mapping["vocab"], reason = vocabulary or (
            tables.GPT_VOCAB, "not printed; GPT-2's 50257 padded to 128 x tensor 8")
        if family and not vocabulary:
            raise Unknown("model.vocab is not printed")
        notes.append("model.vocab: %s" % reason)
    if model.get("vocab_note"):
        notes.append("model.vocab: %s" % model["vocab_note"])
    mapping["max_positions"] = seq_len
    mapping.update(traits)
    return mapping


def describe(run, known, notes):
    """What stands behind `model:`: a name, {base: ..., layers: ...} or an inline mapping.

    Returns it with the number of layers and the name in models/ ("" for an inline mapping).
    @raises Unknown with the reason
    """
    model, source = run["model"], run["source"]
    name = model["name"]
    reason = tables.lookup(tables.UNDESCRIBED, name)
    if reason:
        raise Unknown("the simulator does not describe %s" % reason[0])
    found = named(name, known)
    without_mtp = re.search(r"w/?o(ut)? MTP", name)
    if found:
        base, dimensions = found
        differ = differences(model, dimensions)
        if set(differ) <= {"layers"}:
            layers = differ.get("layers", dimensions.get("layers"))
            extra = {k: v for k, v in (("layers", differ.get("layers")),
                                       ("mtp_layers", 0 if without_mtp else None)) if v is not None}
            return ({"base": base, **extra} if extra else base), layers, base
        if dimensions.get("moe"):
            raise Unknown("printed dimensions %s are not those of models/%s.yaml" % (differ, base))
    elif model.get("experts") or model.get("hidden") is None:
        raise Unknown("no model called '%s' is in models/, its dimensions are not printed" % name)
    mapping = gpt(model, source, run["seq_len"], notes)
    return mapping, mapping["layers"], ""
