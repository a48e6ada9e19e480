// SPDX-License-Identifier: Apache-2.0
#include "formats/tensor_source.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/check.h"
#include "base/files.h"

namespace molmo::formats {

int64_t TensorView::num_values() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

size_t TensorView::num_bytes() const {
  size_t total = data.size();
  for (const auto& piece : rest) total += piece.size();
  return total;
}

void TensorView::read(size_t begin, std::span<uint8_t> out, bool drops) const {
  const auto take = [&](std::span<const uint8_t> piece) {
    const size_t skipped = std::min(begin, piece.size());
    const auto taken = piece.subspan(skipped, std::min(piece.size() - skipped, out.size()));
    begin -= skipped;
    if (taken.empty()) return;
    std::memcpy(out.data(), taken.data(), taken.size());
    if (drops && is_mapped) release_pages(taken);
    out = out.subspan(taken.size());
  };
  take(data);
  for (const auto& piece : rest) take(piece);
  MOLMO_CHECK(out.empty(), "read beyond the end of " + name);
}

}  // namespace molmo::formats
