#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Readies this machine for scripts/build.sh: Debian or Ubuntu packages, and LibTorch from the torch wheel in .venv.
# Run it again at any time: it does only what is missing.
#
# Usage: scripts/setup.sh [--no-packages] [--cuda-wheels]
#   --no-packages   leave the system's packages alone
#   --cuda-wheels   take every CUDA library of LibTorch as a wheel (about 2.7 GB); for a machine that has nvcc 13 but
#                   no cuDNN and NCCL beside it
# Environment:
#   MOLMO_LIBTORCH  folder of a LibTorch of your own (holds include/ and lib/): no wheel is installed
source "$(dirname "$0")/prelude.sh"

torch_version=2.11.0
# The versions that this torch names for CUDA 13.0, see Requires-Dist of its METADATA.
libraries_beside_toolkit=(nvidia-cusparselt-cu13==0.8.0 nvidia-nvshmem-cu13==3.4.5 nvidia-cufile==1.15.1.6)
libraries_of_cpu_half=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
least_cmake=3.25

# "a|b": whichever of the two this distribution has.
packages=(
  build-essential cmake ninja-build ccache lld git ca-certificates python3 python3-venv python3-pip pkg-config
  "libjpeg62-turbo-dev|libjpeg-turbo8-dev" libpng-dev libwebp-dev libtiff-dev libgif-dev zlib1g-dev
  libopencv-core-dev libopencv-imgproc-dev
  libsentencepiece-dev libonig-dev libutf8proc-dev
  libspdlog-dev libfmt-dev libcli11-dev nlohmann-json3-dev libyaml-cpp-dev libcurl4-openssl-dev libssl-dev libgloo-dev libmimalloc-dev
  libgtest-dev libbenchmark-dev tuxpaint-stamps-default
)

use_packages=yes
use_cuda_wheels=no

read_arguments() {
  for argument in "$@"; do
    case $argument in
      --no-packages) use_packages=no ;;
      --cuda-wheels) use_cuda_wheels=yes ;;
      *) fail "unknown argument '$argument', expected --no-packages, --cuda-wheels or --help" ;;
    esac
  done
}

# --- system packages ------------------------------------------------------------------------------------------------

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
is_available() { [[ -n $(apt-cache search --names-only "^${1//+/\\+}\$" 2>/dev/null) ]]; }

# Fills `missing` with the entries of `packages` of which no alternative is installed.
find_missing_packages() {
  missing=()
  local entry name found
  for entry in "${packages[@]}"; do
    found=no
    for name in ${entry//|/ }; do
      if is_installed "$name"; then found=yes; fi
    done
    if [[ $found == no ]]; then missing+=("$entry"); fi
  done
}

# Replaces "a|b" in `missing` by the first one that apt knows (the first of all if it knows none: apt then says so).
choose_alternatives() {
  local index name
  for index in "${!missing[@]}"; do
    for name in ${missing[index]//|/ }; do
      if is_available "$name"; then missing[index]=$name; break; fi
    done
    missing[index]=${missing[index]%%|*}
  done
}

run_as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    sudo -- "$@"
  fi
}

install_packages() {
  if [[ $use_packages == no ]]; then return; fi
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this is no Debian or Ubuntu: install the counterparts of these packages, then run with --no-packages: ${packages[*]}"
  fi
  find_missing_packages
  if [[ ${#missing[@]} == 0 ]]; then say "system packages: all ${#packages[@]} there"; return; fi
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    fail "packages are missing and this is neither root nor is there sudo; ask for: ${missing[*]}"
  fi
  say "system packages: ${#missing[@]} of ${#packages[@]} missing, reading the package lists"
  run_as_root apt-get update -qq || fail "apt-get update failed: is the network reachable from here?"
  choose_alternatives
  say "system packages: installing ${missing[*]}"
  run_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]} (the lines above say why)"
}

# --- LibTorch -------------------------------------------------------------------------------------------------------

site_packages() { find .venv/lib -maxdepth 2 -name site-packages 2>/dev/null | sort | head -n 1; }

install_wheels() {
  .venv/bin/pip install --quiet --disable-pip-version-check "$@" ||
    fail "pip could not install: $* (the lines above say why; with a LibTorch of your own set MOLMO_LIBTORCH)"
}

make_environment() {
  if [[ -x .venv/bin/pip ]]; then return; fi
  say "making .venv"
  python3 -m venv .venv || fail "python3 -m venv .venv failed: is python3-venv installed?"
}

# True if $1 is on the loader's path or in the toolkit.
has_library() {
  [[ -e ${CUDA_HOME:-/usr/local/cuda}/lib64/$1 ]] || /sbin/ldconfig -p | grep -qF "$1 "
}

nvcc_release() {
  local nvcc
  nvcc=$(command -v nvcc || echo "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc")
  [[ -x $nvcc ]] && "$nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\).*/\1/p'
}

# Prints which wheels the CUDA half needs besides torch: none, beside-toolkit or all.
choose_cuda_libraries() {
  if [[ $use_cuda_wheels == yes ]]; then echo all; return; fi
  local release
  release=$(nvcc_release || true)
  if [[ -z $release || $release -lt 13 ]]; then
    say "no CUDA 13 toolkit: LibTorch will run on the CPU only" >&2
    echo none
  elif has_library libcudnn.so.9 && has_library libnccl.so.2; then
    echo beside-toolkit
  else
    say "a CUDA $release toolkit without cuDNN 9 and NCCL: CPU only; for the GPU run scripts/setup.sh --cuda-wheels" >&2
    echo none
  fi
}

# Libraries that the loader misses for torch's library $1, one a line.
missing_libraries() { ldd "$(site_packages)/torch/lib/$1" | sed -n 's/^[[:space:]]*\(.*\) => not found/\1/p'; }

has_torch() { [[ -d $(site_packages)/torch-$torch_version.dist-info ]]; }

install_torch() {
  if has_torch; then return; fi
  say "LibTorch: installing the wheel torch $torch_version (about 0.5 GB to fetch, 1.5 GB unpacked)"
  install_wheels --no-deps "torch==$torch_version"
}

install_cuda_libraries() {
  local choice=$1
  case $choice in
    all) if [[ -n $(missing_libraries libtorch_cuda.so) ]]; then
           say "LibTorch: installing its CUDA libraries (about 2 GB)"
           install_wheels "torch==$torch_version"
         fi ;;
    beside-toolkit) if [[ -n $(missing_libraries libtorch_cuda.so) ]]; then
           say "LibTorch: installing the CUDA libraries that the toolkit lacks"
           install_wheels --no-deps "${libraries_beside_toolkit[@]}"
         fi ;;
  esac
  # Even on the CPU the wheel's libtorch_cpu.so wants two small CUDA libraries.
  if [[ -n $(missing_libraries libtorch_cpu.so) ]]; then
    say "LibTorch: installing libcudart and libcupti, which its CPU half is linked with"
    install_wheels --no-deps "${libraries_of_cpu_half[@]}"
  fi
}

verify_torch() {
  local choice=$1 missing_ones
  missing_ones=$(missing_libraries libtorch_cpu.so)
  if [[ -n $missing_ones ]]; then fail "LibTorch does not load, these libraries are not found: ${missing_ones//$'\n'/ }"; fi
  if [[ $choice == none ]]; then say "LibTorch $torch_version loads (CPU only)"; return; fi
  missing_ones=$(missing_libraries libtorch_cuda.so | grep -vxF libcuda.so.1 || true)
  if [[ -n $missing_ones ]]; then
    say "LibTorch $torch_version loads on the CPU; its CUDA half misses: ${missing_ones//$'\n'/ }"
  else
    say "LibTorch $torch_version loads, CUDA half included"
  fi
}

ready_libtorch() {
  if [[ -n ${MOLMO_LIBTORCH:-} ]]; then
    [[ -e $MOLMO_LIBTORCH/lib/libtorch_cpu.so ]] || fail "MOLMO_LIBTORCH: no lib/libtorch_cpu.so below '$MOLMO_LIBTORCH'"
    say "LibTorch: yours, in $MOLMO_LIBTORCH"
    return
  fi
  make_environment
  local choice
  choice=$(choose_cuda_libraries)
  install_torch
  install_cuda_libraries "$choice"
  verify_torch "$choice"
}

# --- CMake ----------------------------------------------------------------------------------------------------------

has_cmake() {
  local version
  version=$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p')
  [[ -n $version && $(printf '%s\n' "$least_cmake" "$version" | sort -V | head -n 1) == "$least_cmake" ]]
}

ready_cmake() {
  if has_cmake; then return; fi
  say "CMake: the system's is older than $least_cmake, installing one in .venv"
  make_environment
  install_wheels "cmake>=$least_cmake,<4"
}

main() {
  read_arguments "$@"
  install_packages
  ready_libtorch
  ready_cmake
  say "ready: build with scripts/build.sh, test with scripts/test.sh"
}

main "$@"
