#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs the check of the CUDA half and runs it from there on the CPU: every step passes, or is skipped because it needs a GPU.
# Usage: gpu_check_rehearsal.sh REPOSITORY PROGRAMS TORCH
set -euo pipefail

repository=$1 programs=$2 torch=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "gpu_check_rehearsal: $*" >&2; cat "$work"/out/*.txt >&2 2>/dev/null || true; exit 1; }

"$repository/scripts/pack_gpu_check.sh" --programs "$programs" --out "$work/packed" || fail "could not be packed"
cd "$work"
packed/gpu_check.sh --rehearse --torch "$torch" --out "$work/out" || fail "ended with $?"
python3 - "$work/out/results.json" <<'PYTHON' || fail "results.json is not what was expected"
import json, sys
steps = {step["name"]: step for step in json.load(open(sys.argv[1], encoding="utf-8"))["steps"]}
assert len(steps) == 17, sorted(steps)
needs_gpu = {"gpu tests", "compute-sanitizer memcheck", "compute-sanitizer racecheck", "kernels of src/cuda"}
may_be_skipped = needs_gpu | {"facts about LibTorch"}  # python3 may have no torch
wrong = {name: step["problem"] for name, step in steps.items() if step["status"] != "passed" and not (step["status"] == "skipped" and name in may_be_skipped)}
assert not wrong, wrong
assert steps["answers as the CPU's"]["facts"]["answers"] == 16
PYTHON

expect_refusal() {  # FOLDER TEXT
  local code=0
  packed/gpu_check.sh --rehearse --torch "$1" 2>"$work/error.txt" || code=$?
  ((code == 2)) || fail "took '$1' ($code)"
  grep -qF "$2" "$work/error.txt" || fail "said of '$1': $(<"$work/error.txt")"
}
expect_refusal "$work" "no lib/libtorch_cpu.so below '$work', expected the folder of the package torch"
mkdir -p other/lib
touch other/lib/libtorch_cpu.so
echo "__version__ = '2.9.0'" >other/version.py
expect_refusal other "torch 2.9.0 in 'other', expected $(<packed/torch_version), with which the programs were built"
