"""Writes documents as YAML: short mappings on one line, values that need it in quotes."""
import json
import re

WIDTH = 100
PLAIN = re.compile(r"^([A-Za-z_][A-Za-z0-9_./ ]*|1f1b)$")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def value(thing):
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, (int, float)):
        return repr(thing)
    if isinstance(thing, dict):
        return "{" + ", ".join("%s: %s" % (k, value(v)) for k, v in thing.items()) + "}"
    if isinstance(thing, list):
        return "[" + ", ".join(value(v) for v in thing) + "]"
    if PLAIN.match(thing) and not thing.endswith(" ") and thing.lower() not in WORDS:
        return thing
    return json.dumps(thing, ensure_ascii=False)


def wrapped(text, prefix):
    lines, line = [], prefix
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH and line != prefix:
            lines.append(line)
            line = "#  "
        line += " " + word
    return lines + [line]


def block(key, mapping):
    lines = [key + ":"]
    for name, thing in mapping.items():
        lines.append("  %s: %s" % (name, value(thing)))
    return lines


def short_or_block(key, thing):
    line = "%s: %s" % (key, value(thing))
    return [line] if len(line) <= WIDTH or not isinstance(thing, dict) else block(key, thing)


def scenario(document, header):
    lines = [header]
    for note in document["notes"]:
        lines += wrapped(note, "#")
    lines.append("name: %s" % value(document["name"]))
    for key in ("model", "cluster", "parallelism", "schedule"):
        lines += short_or_block(key, document[key])
    lines += block("training", document["training"])
    lines += block("measured", document["measured"])
    return "\n".join(lines) + "\n"


def left_out(runs, other, converted, source):
    """The list of runs that did not become scenarios, grouped by reason, for people."""
    by_reason = {}
    for run, reason in runs:
        by_reason.setdefault(reason, []).append(run["id"])
    lines = ["# Runs of %s that are no scenarios" % source, "",
             "%d runs became scenarios; %d are left out:" % (converted, len(runs)), ""]
    for reason in sorted(by_reason, key=lambda r: (-len(by_reason[r]), r)):
        lines.append("- **%s** (%d):" % (reason, len(by_reason[reason])))
        lines += ["  - `%s`" % name for name in by_reason[reason]]
    if other:
        lines += ["", "Entries that are no training runs: " +
                  ", ".join("%s (%d)" % (k, other[k]) for k in sorted(other, key=str)) + "."]
    return "\n".join(lines) + "\n"
