#!/usr/bin/env python3
"""Holds every #include of the project against tools/layers.txt, and third-party libraries
against their one door.

Usage: architecture_test.py REPOSITORY
Prints a line per violation, e.g. "sim/engine/event_loop.cpp:3 includes schedules/schedule.h;
sim/engine may include only sim/core", and exits with 1 where there is any.
"""
import os
import re
import sys

# Where a third-party header may be included: folders, or files where one file is the door.
DOORS = {
    "yaml-cpp/": ["sim/yaml", "sim/scenario", "models", "sim/cluster", "calibration"],
    "CLI/": ["sim/cli"],
    "boost/": ["sim/cluster/topology"],
    "Eigen/": ["calibration/"],
    "nlohmann/": ["sim/report", "sim/scenario", "models", "sim/cli", "calibration/import"],
    "cuda": ["calibration"],
}
SOURCES = (".h", ".cpp", ".cu", ".cuh")


def read_layers(root):
    layers = {}
    with open(os.path.join(root, "tools", "layers.txt")) as table:
        for line in table:
            line = line.split("#")[0].strip()
            if line:
                name, _, uses = line.partition(":")
                layers[name.strip()] = set(uses.split())
    return layers


def layer_of(path, layers):
    return next((l for l in layers if path.startswith(l + "/")), None)


def links_of(root, layer):
    """The LAYERS a layer's CMakeLists.txt links, as folder names."""
    with open(os.path.join(root, layer, "CMakeLists.txt")) as text:
        found = re.search(r"plumbline_layer\((.*?)\)", text.read(), re.S)
    if not found:
        return None
    words = found.group(1).split()
    start = words.index("LAYERS") + 1 if "LAYERS" in words else len(words)
    links = []
    for word in words[start:]:
        if word in ("PRIVATE", "SOURCES"):
            break
        links.append(word)
    return links


def violations(root):
    layers = read_layers(root)
    seen = 0
    for layer, allowed in layers.items():
        links = links_of(root, layer)
        for link in links or []:
            folder = "sim/" + link if "sim/" + link in layers else link
            if folder not in allowed:
                yield "%s/CMakeLists.txt links %s; tools/layers.txt does not allow it" % (layer, folder)
        for folder, _, files in os.walk(os.path.join(root, layer)):
            for name in sorted(files):
                if not name.endswith(SOURCES):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                if layer_of(path, sorted(layers, key=len, reverse=True)) != layer:
                    continue
                with open(os.path.join(root, path)) as source:
                    for number, line in enumerate(source, 1):
                        match = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
                        if not match:
                            continue
                        seen += 1
                        target = match.group(2)
                        for prefix, doors in DOORS.items():
                            if target.startswith(prefix) and not any(path.startswith(d) for d in doors):
                                yield "%s:%d includes %s; only %s may" % (path, number, target, ", ".join(doors))
                        if match.group(1) == "<":
                            continue
                        other = layer_of(target, sorted(layers, key=len, reverse=True))
                        if other is None and not os.path.exists(os.path.join(root, target)):
                            yield "%s:%d includes \"%s\", which is not a path from the repository's root" % (path, number, target)
                        elif other and other != layer and other not in allowed:
                            yield "%s:%d includes %s; %s may include only %s" % (
                                path, number, target, layer, ", ".join(sorted(allowed)) or "itself")
    if seen < 20:
        yield "only %d #include lines were read: the test looks in the wrong place" % seen


def main():
    found = list(violations(sys.argv[1]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
