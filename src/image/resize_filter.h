// The taps of a resize along one axis, with torchvision's arithmetic. Facts: spec/preprocess.md §1.2-1.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace molmo::image {

enum class Filter { kBilinear, kBicubic };  ///< with antialias

/// Source positions of one output position.
struct Taps {
  int first = 0, count = 0;
  size_t offset = 0;  ///< of its weights

  /// The order of operations of the compiled library: the first product, then this many rounded products added one by
  /// one (whole groups of four), then the remaining taps fused.
  int num_rounded() const { return (count - 1) / 4 * 4; }
};

struct AxisFilter {
  std::vector<Taps> taps;  ///< [output size]
  std::vector<float> weights;
};

AxisFilter make_axis_filter(int input, int output, Filter filter);

/// The two source positions of one output position without antialias.
struct TwoTaps {
  int first, second;
  float w_first, w_second;
};

std::vector<TwoTaps> plain_taps(int input, int output);  // [output size]

}  // namespace molmo::image
