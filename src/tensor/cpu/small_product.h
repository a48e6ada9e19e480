// A matrix product for operands that fit a core's cache, on one thread: what attention is made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace molmo::tensor::cpu {

/// A float32 matrix in memory. Element (i, j) is data[i * row + j * column].
template <class Float>
struct MatrixView {
  Float* data;
  int64_t row;
  int64_t column = 1;
};

/// c = a b, or c += a b where `adds`. a: [m, k] of any strides; b: [k, n] and c: [m, n] with dense rows. An element's
/// sum runs over k in order, whatever m and n are, so that a row's result does not depend on the other rows.
void small_product(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c, int64_t m, int64_t n,
                   int64_t k, bool adds);

}  // namespace molmo::tensor::cpu
