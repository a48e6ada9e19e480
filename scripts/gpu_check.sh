#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the CUDA half on a machine that has a GPU: what it computes (at most 5 minutes), then how fast (at most 6).
#
# Usage: gpu_check.sh [--part correctness|speed|all] [--out DIR] [--torch DIR] [--rehearse]
#   --part      which half; all (the default) measures speed only after correctness has passed
#   --out       folder of page.txt, results.json and log.txt; gpu_check_results by default
#   --torch     folder of the Python package torch whose LibTorch is used; by default that of python3
#   --rehearse  the same steps in small shapes on the CPU, for a machine without a GPU
# Runs from a folder that scripts/pack_gpu_check.sh packed, which needs torch of the version it was built with and
# nothing else, or from the repository after scripts/build.sh.
# Ends with 0, with 1 where a step of correctness failed, or with 2 where nothing could be run. A step that exceeds its
# time is ended and counts as failed; a goal of speed that is missed is marked on the page, but is no failure.
set -euo pipefail

fail() { printf '[gpu_check] error: %s\n' "$*" >&2; exit 2; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ "${1:-}" == --help || "${1:-}" == -h ]]; then
  sed -n '/SPDX/,/^[^#]/{/SPDX/d;/^#/!d;s/^# \{0,1\}//;p}' "$0"
  exit 0
fi

torch=""
arguments=()
while (($# > 0)); do
  if [[ $1 == --torch ]]; then torch=${2:?--torch needs a folder}; shift; else arguments+=("$1"); fi
  shift
done

# Folders of the libraries that LibTorch is linked with: its own and those of NVIDIA's wheels beside it.
find_torch_libraries() {
  if [[ -z $torch ]]; then
    torch=$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) ||
      fail "python3 finds no torch; name its folder with --torch .../site-packages/torch"
  fi
  [[ -e $torch/lib/libtorch_cpu.so ]] || fail "no lib/libtorch_cpu.so below '$torch', expected the folder of the package torch"
  local folder expected version
  expected=$(<"$here/torch_version")
  version=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py")
  [[ $version == "$expected" ]] || fail "torch $version in '$torch', expected $expected, with which the programs were built"
  libraries=$torch/lib
  for folder in "$torch"/../nvidia/*/lib; do
    if [[ -d $folder ]]; then libraries+=:$folder; fi
  done
}

if [[ -x $here/bin/molmo ]]; then  # packed
  find_torch_libraries
  export LD_LIBRARY_PATH=$here/lib:$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  programs=$here/bin
else
  programs=$here/../build/release/bin
  [[ -x $programs/molmo ]] || fail "no program in $programs: run scripts/build.sh, or take a folder of scripts/pack_gpu_check.sh"
fi
exec python3 -B "$here/gpu_check" --programs "$programs" "${arguments[@]}"
