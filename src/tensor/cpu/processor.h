// Traits of this processor that decide which of two ways to the same result is the fast one. Only what does not change
// results beyond rounding may ask.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::tensor::cpu {

/// MKL runs AVX2 code on these, half of what they can do in float32.
bool is_amd_with_avx512();

/// Whether matrix products in bfloat16 are faster than in float32: with tiles for them (AMX), and with AVX-512's dot
/// products on AMD's cores, where they do twice as much. On Intel's cores these alone are no faster than float32.
bool is_fast_at_bfloat16();

}  // namespace molmo::tensor::cpu
