# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by every script here: strict mode, the repository as the working folder, messages, and `--help` from the head
# comment of the script.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script_name=$(basename "$0" .sh)

say() { printf '[%s] %s\n' "$script_name" "$*"; }
fail() { printf '[%s] error: %s\n' "$script_name" "$*" >&2; exit 2; }

# Prints the comment lines that follow the licence line of the script.
print_help() { sed -n '/SPDX/,/^[^#]/{/SPDX/d;/^#/!d;s/^# \{0,1\}//;p}' "$0"; }
if [[ "${1:-}" == --help || "${1:-}" == -h ]]; then
  print_help
  exit 0
fi

cd "$repository"
# A CMake in .venv is there only where the system's is too old (scripts/setup.sh).
prefer_own_cmake() { if [[ -x .venv/bin/cmake ]]; then PATH=$repository/.venv/bin:$PATH; fi; }
prefer_own_cmake
