// Shape checks at module entries, so that the shape comments cannot lie.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include "tensor/tensor.h"

namespace molmo {

/// Matches any size.
inline constexpr int64_t kAnySize = -1;

/// Throws InternalError naming `where` unless `tensor` has the given sizes (kAnySize matches all).
void expect_shape(const char* where, const Tensor& tensor, std::initializer_list<int64_t> sizes);

/// "[2, 13, 576]"
std::string format_shape(IntArrayRef sizes);

}  // namespace molmo
