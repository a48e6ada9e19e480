// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/processor.h"

#include <cpuid.h>

namespace molmo::tensor::cpu {

bool is_amd_with_avx512() { return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512f"); }

bool is_fast_at_bfloat16() {
  constexpr unsigned kAmxBfloat16 = 1u << 22;  // GCC 12 has no name for it
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBfloat16) != 0) return true;
  return is_amd_with_avx512() && __builtin_cpu_supports("avx512bf16");
}

}  // namespace molmo::tensor::cpu
