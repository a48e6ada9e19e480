// LibTorch's operators take a missing tensor as an empty optional, this tree writes it as an undefined tensor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tensor/tensor.h"

namespace molmo {

inline std::optional<Tensor> as_optional(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

}  // namespace molmo
