#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Readies the machine where needed, builds preset release and runs the tests.
#
# Usage: scripts/test.sh [ARGUMENTS OF CTEST]
#   scripts/test.sh -L core          the tests without LibTorch
#   scripts/test.sh -R golden.text   one group
#   scripts/test.sh -LE e2e          all but those of the program
# Environment:
#   MOLMO_GOLDEN_DIR  golden data to compare with, instead of tests/golden (docs/testing.md)
source "$(dirname "$0")/prelude.sh"

main() {
  scripts/setup.sh
  prefer_own_cmake
  scripts/build.sh
  SECONDS=0
  ctest --preset release "$@"
  say "tests took $SECONDS s"
}

main "$@"
