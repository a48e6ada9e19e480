// Undefined tensors as LibTorch's operators and autograd's functions want them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tensor/tensor.h"

namespace molmo {

inline std::optional<Tensor> as_optional(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

}  // namespace molmo
