#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds molmo, two jobs at a time, and prints the wall time. The program is then build/<preset>/bin/molmo.
#
# Usage: scripts/build.sh [--preset NAME] [--clean] [-- TARGET...]
#   --preset NAME   release (default), dev, asan or cuda: see CMakePresets.json
#   --clean         remove the build folder first
# Environment:
#   MOLMO_LIBTORCH  folder of a LibTorch of your own, instead of the wheel in .venv
#   MOLMO_CUDA      AUTO (default), ON or OFF: whether libmolmo_cuda.so is built
source "$(dirname "$0")/prelude.sh"

preset=release
clean=no
targets=()

read_arguments() {
  while [[ $# -gt 0 ]]; do
    case $1 in
      --preset) [[ $# -ge 2 ]] || fail "--preset wants a name"; preset=$2; shift 2 ;;
      --clean) clean=yes; shift ;;
      --) shift; targets=("$@"); return ;;
      *) fail "unknown argument '$1', expected --preset NAME, --clean, -- TARGET... or --help" ;;
    esac
  done
}

configure() {
  grep -q "\"name\": \"$preset\", \"inherits\"" CMakePresets.json || fail "unknown preset '$preset', see CMakePresets.json"
  local options=()
  if [[ -n ${MOLMO_LIBTORCH:-} ]]; then options+=("-DMOLMO_LIBTORCH=$MOLMO_LIBTORCH"); fi
  if [[ -n ${MOLMO_CUDA:-} ]]; then options+=("-DMOLMO_CUDA=$MOLMO_CUDA"); fi
  mkdir -p "build/$preset"
  local log=build/$preset/configure.log
  say "configuring preset $preset"
  if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    fail "CMake could not configure (its messages are above); has scripts/setup.sh been run?"
  fi
  grep -E '^-- (LibTorch|CUDA half):' "$log" || true
}

build() {
  local arguments=()
  if [[ ${#targets[@]} -gt 0 ]]; then arguments=(--target "${targets[@]}"); fi
  cmake --build --preset "$preset" "${arguments[@]}"
}

main() {
  read_arguments "$@"
  if [[ $clean == yes ]]; then rm -rf "build/$preset"; fi
  local kind=build
  if [[ ! -e build/$preset/build.ninja ]]; then kind="clean build"; fi
  SECONDS=0
  configure
  build
  say "$kind of preset $preset took $SECONDS s (ccache $(command -v ccache >/dev/null && echo on || echo off))"
}

main "$@"
