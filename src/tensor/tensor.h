// The one header of LibTorch that our headers include: the tensor type and nothing heavier. Operators: tensor/ops.h, in
// .cc files only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

namespace molmo {

using at::IntArrayRef;
using at::Tensor;

}  // namespace molmo
