#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats the C++ and CUDA sources by .clang-format.
#
# Usage: scripts/format.sh [--check] [FILE...]
#   --check   change nothing; fail if a file would change
#   FILE...   these files only (default: all below src, include, tests and benchmarks)
source "$(dirname "$0")/prelude.sh"

check=no
if [[ ${1:-} == --check ]]; then check=yes; shift; fi
command -v clang-format >/dev/null || fail "clang-format is not installed (apt-get install clang-format)"

files=("$@")
if [[ ${#files[@]} == 0 ]]; then
  mapfile -t files < <(find src include tests benchmarks -regex '.*\.\(h\|cc\|cu\|cuh\)' | sort)
fi
if [[ $check == yes ]]; then
  clang-format --dry-run --Werror "${files[@]}" || fail "some files are not formatted: run scripts/format.sh"
else
  clang-format -i "${files[@]}"
fi
say "${#files[@]} files"
