#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs gpu_check.sh with stripped programs and the system libraries they need into a folder that runs on another x86-64
# machine, one with a GPU and torch, and into DIR.tar.gz. LibTorch and CUDA stay behind: the machine's own torch, of the same
# version, has them.
#
# Usage: scripts/pack_gpu_check.sh [--programs DIR] [--out DIR] [--most-mib N]
#   --programs  build/release/bin by default
#   --out       build/gpu_check by default; replaced if it is there
#   --most-mib  fails above this size; 60 by default
# On the other machine: gpu_check/gpu_check.sh --help
source "$(dirname "$0")/prelude.sh"

programs=build/release/bin out=build/gpu_check most_mib=60
while (($# > 0)); do
  case "$1" in
    --programs) programs=${2:?--programs needs a folder}; shift ;;
    --out) out=${2:?--out needs a folder}; shift ;;
    --most-mib) most_mib=${2:?--most-mib needs a number}; shift ;;
    *) fail "unknown argument $1 (see --help)" ;;
  esac
  shift
done
files=(molmo libmolmo_torch.so libmolmo_cuda.so gpu_test)

for file in "${files[@]}"; do
  [[ -e $programs/$file ]] || fail "no $programs/$file: run scripts/build.sh on a machine with a CUDA 13 toolkit"
done
if [[ -e $out && ! -e $out/gpu_check.sh ]]; then fail "'$out' is there and is no folder of this script"; fi

rm -rf "$out"
mkdir -p "$out/bin" "$out/lib"
for file in "${files[@]}"; do strip -o "$out/bin/$file" "$programs/$file"; done
cp -r scripts/gpu_check.sh scripts/gpu_check "$out/"
rm -rf "$out/gpu_check/__pycache__"
torch=$(ldd "$programs/libmolmo_torch.so" | sed -n 's|.*=> \(/.*\)/lib/libtorch_cpu.so .*|\1|p')
sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py" >"$out/torch_version"
[[ -s $out/torch_version ]] || fail "no __version__ in '$torch/version.py'"

# Paths of the libraries that the loader finds for the programs, less those which every such machine has (glibc and the
# compiler's run-time libraries) or whose torch brings them.
libraries_to_carry() {
  ldd "${files[@]/#/$programs/}" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
    grep -vE '/(ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libstdc\+\+|libgcc_s|libgomp)[.-][^/]*$' |
    grep -vE '/(torch/lib|nvidia/[^/]*/lib|cuda[^/]*/.*)/[^/]*$|/lib(cuda|cudnn|nccl|cupti|cublas|cublasLt|cusparse|cusparseLt|cufft|curand|cusolver|nvrtc|nvJitLink|nvshmem_host|cufile|c10|c10_cuda|torch|torch_cpu|torch_cuda|molmo_[a-z]*)([.-][^/]*)?$'
}
libraries_to_carry | while read -r library; do
  cp -L "$library" "$out/lib/$(basename "$library")"
  strip --strip-unneeded "$out/lib/$(basename "$library")" 2>/dev/null || true  # some are stripped already
done

mib=$(($(du -sk "$out" | cut -f1) / 1024 + 1))
tar -C "$(dirname "$out")" -czf "$out.tar.gz" "$(basename "$out")"
archive=$(du -m "$out.tar.gz" | cut -f1)
say "$out: $mib MiB ($archive MiB in $out.tar.gz), $(find "$out/lib" -type f | wc -l) libraries"
((mib <= most_mib)) || fail "$out has $mib MiB, expected at most $most_mib: $(du -k "$out"/*/* | sort -rn | head -n 5 | tr '\n' ' ')"
