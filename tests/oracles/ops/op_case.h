// One case of golden/ops: an operation, its options and tensors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "oracles/tensors.h"
#include "tensor/ops.h"

namespace molmo::testing {

inline constexpr double kBf16Ulp = 1.0 / 128;  // of the largest entry: one unit in the last place of bfloat16 or less

struct OpCase {
  Json op;
  TensorMap tensors;

  bool is_bf16(const std::string& name) const {
    const Json& names = op.at("bfloat16");
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  /// An input in the dtype it was made with (bf16 values are stored widened).
  Tensor in(const std::string& name) const {
    const Tensor value = tensors.at("in." + name);
    return is_bf16("in." + name) ? value.to(at::kBFloat16) : value;
  }
  double tolerance(const std::string& name, double relative) const {
    return is_bf16("out." + name) ? kBf16Ulp : relative;
  }
};

/// Pre-trained parts under our names, and what they compute (convert.cc).
void test_convert_llm(const OpCase& c, GoldenCase& golden);
void test_convert_vit(const OpCase& c, GoldenCase& golden);

}  // namespace molmo::testing
