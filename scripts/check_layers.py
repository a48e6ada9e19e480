#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails on an include that points up or sideways, and on a LibTorch include outside its doors.

Usage: check_layers.py SRC. The table is the layering of docs/architecture.md: a directory may include itself and the
directories named beside it.
"""
import os
import re
import sys

ALLOWED = {
    "base": "",
    "config": "base",
    "image": "base config",
    "text": "base config",
    "preprocess": "base config image text",
    "synth": "base config image",
    "formats": "base",
    "metrics": "base",
    "hub": "base formats",
    "data": "base config image text preprocess formats hub",
    "tensor": "base",
    "nn": "base tensor config",
    "model": "base tensor nn config formats preprocess",
    "generate": "base tensor nn model config formats text preprocess image",
    "distributed": "base tensor",
    "cuda": "base tensor",
    "simulate": "base tensor distributed cuda",
    "train": "base tensor nn model distributed simulate data config formats hub text preprocess image",
    "eval": "base tensor model generate data metrics config text preprocess image formats",
    "library": "base tensor model generate data config text preprocess image hub",
    "serve": "base tensor model generate config text preprocess image formats",
    "plan": "base tensor model train config data",
    "sweep": "base train eval config",
    "cli": "base config",
    "commands": "*",
}
TORCH = re.compile(r"^(ATen|c10|torch|caffe2)/")
# Heavy or sharp LibTorch headers live behind these files (docs/architecture.md, "Doors").
TORCH_DOORS = re.compile(r"^(tensor|cuda|distributed|simulate)/")
# Libraries whose headers cost seconds or clash: in .cc files and the precompiled headers only.
HEAVY = re.compile(r"^(nlohmann/(?!json_fwd\.hpp)|opencv2/|spdlog/|curl/|arrow/|parquet/|CLI/|yaml-cpp/)")
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def facade_violations(folder):
    """The public headers stand alone: the standard library and each other."""
    for path in sorted(os.path.join(base, name) for base, _, names in os.walk(folder) for name in names):
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            match = INCLUDE.match(line)
            if match and not match.group(1).startswith("molmo/") and re.search(r"[/.]", match.group(1)):
                yield f"{os.path.relpath(path, folder)}:{number}: a public header includes {match.group(1)}"


def violations(root):
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if not re.search(r"\.(h|cc|cu|cuh)$", name):
                continue
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            layer = relative.split(os.sep)[0]
            if layer not in ALLOWED:
                yield f"{relative}: directory '{layer}' is not in the layer table"
                continue
            allowed = ALLOWED[layer].split() + [layer]
            for number, line in enumerate(open(path, encoding="utf-8"), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = match.group(1)
                if ".." in target.split("/"):
                    yield f"{relative}:{number}: {target} climbs; name the file from src"
                first = target.split("/")[0]
                if TORCH.match(target) and not TORCH_DOORS.match(relative):
                    yield f"{relative}:{number}: includes {target}; LibTorch comes in through tensor/tensor.h or tensor/ops.h"
                if target == "tensor/ops.h" and name.endswith(".h") and name != "precompiled.h":
                    yield f"{relative}:{number}: tensor/ops.h in a header; include tensor/tensor.h there"
                if HEAVY.match(target) and name.endswith(".h") and name != "precompiled.h":
                    yield f"{relative}:{number}: {target} in a header; forward-declare, or nlohmann/json_fwd.hpp"
                if "/" not in target or first not in ALLOWED or ALLOWED[layer] == "*":
                    continue
                if first not in allowed:
                    yield f"{relative}:{number}: {layer} includes {target}, allowed: {' '.join(sorted(set(allowed)))}"


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit("usage: check_layers.py SRC")
    found = list(violations(sys.argv[1]))
    found += facade_violations(os.path.join(sys.argv[1], os.pardir, "include", "molmo"))
    for line in found:
        print(line)
    print(f"check_layers: {len(found)} violations")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
