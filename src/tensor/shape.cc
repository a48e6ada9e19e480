// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

#include <fmt/ranges.h>

#include "base/check.h"

namespace molmo {

std::string format_shape(IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", ")); }

void expect_shape(const char* where, const Tensor& tensor, std::initializer_list<int64_t> sizes) {
  MOLMO_CHECK(tensor.defined(), fmt::format("{}: undefined tensor", where));
  bool fits = tensor.dim() == static_cast<int64_t>(sizes.size());
  for (size_t i = 0; fits && i < sizes.size(); ++i) {
    const int64_t wanted = sizes.begin()[i];
    fits = wanted == kAnySize || wanted == tensor.size(static_cast<int64_t>(i));
  }
  MOLMO_CHECK(fits, fmt::format("{}: got shape {}, expected {} (-1: any)", where, format_shape(tensor.sizes()),
                                format_shape(IntArrayRef(sizes))));
}

}  // namespace molmo
