#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is built, moves it, and builds examples/point.cc against it as another project would: with find_package, and
# with pkg-config.
#
# Usage: install_test.sh BUILD CMAKE
set -euo pipefail
build=$1 cmake=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "install_test: $*" >&2; exit 1; }
quietly() { "$@" >log 2>&1 || { cat log >&2; fail "failed: $*"; }; }

quietly "$cmake" --install "$build" --prefix "$work/prefix"
mv prefix moved
prefix=$work/moved
for file in "$prefix"/bin/molmo "$prefix"/lib*/lib*.so "$prefix"/lib*/*/lib*.so; do
  if [ -e "$file" ] && readelf -d "$file" | grep -E 'R(UN)?PATH' | grep -F "$build"; then fail "$file looks into the build folder"; fi
done
library=$(find "$prefix" -name libmolmo.so)
hidden=$(nm -D --defined-only -C "$library" | grep -vE ' molmo::(Image|Model)::|molmo::(check_options|draw_points|prompt_styles(\[abi:cxx11\])?)\(| for molmo::Error$' || true)
[ -z "$hidden" ] || fail "libmolmo.so exports more than its public functions: $hidden"

# The installed program finds its other half, and makes a model.
molmo=$prefix/bin/molmo
quietly "$molmo" data synthesize --out data --level 0 --train 2 --test 1 --seed 3
quietly "$molmo" data train-tokenizer --data data --vocab-size 507 --out tokenizer.model
quietly "$molmo" train "$here/recipe.json" --out run
picture=$(find data -name '*.png' -o -name '*.jpg' | sort | head -n 1)

quietly "$cmake" -S "$here" -B by-cmake "-DCMAKE_PREFIX_PATH=$prefix"
quietly "$cmake" --build by-cmake
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name molmo.pc)")
read -ra flags <<<"$(pkg-config --cflags --libs molmo)"
if "${CXX:-c++}" -std=c++17 -fsyntax-only "$here/../../examples/point.cc" "${flags[@]}" >log 2>&1; then fail "C++17 was accepted"; fi
grep -q 'needs C++20' log || fail "the standard was not named: $(cat log)"
quietly "${CXX:-c++}" -std=c++20 "$here/../../examples/point.cc" "${flags[@]}" -o by-pkg-config

for program in by-cmake/points ./by-pkg-config; do
  quietly "$program" run "$picture" cats "marked-$(basename "$program").png"
  cp log "$(basename "$program").txt"
  [ -s "marked-$(basename "$program").png" ] || fail "$program drew nothing"
  code=0
  "$program" nowhere "$picture" cats >log 2>&1 || code=$?  # molmo::Error is caught across the library's border
  [ "$code" = 2 ] || fail "a model that is not there, got exit code $code, expected 2: $(cat log)"
done
cmp points.txt by-pkg-config.txt || fail "two programs, two answers"
