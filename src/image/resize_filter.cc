// SPDX-License-Identifier: Apache-2.0
#include "image/resize_filter.h"

#include <algorithm>
#include <cmath>

namespace molmo::image {
namespace {

float bilinear_weight(float x) { return x < 1.0f ? 1.0f - x : 0.0f; }

float bicubic_weight(float x) {
  constexpr float kA = -0.5f;  // the antialiased path's, not -0.75
  if (x < 1.0f) {
    const float t = std::fma(1.5f, x, -2.5f) * x;
    return std::fma(t, x, 1.0f);
  }
  if (x >= 2.0f) return 0.0f;
  float t = x - 5.0f;
  t = std::fma(t, x, 8.0f);
  t = std::fma(t, x, -4.0f);
  return t * kA;
}

}  // namespace

AxisFilter make_axis_filter(int input, int output, Filter filter) {
  const float scale = static_cast<float>(input) / static_cast<float>(output);
  const float half_width = filter == Filter::kBilinear ? 1.0f : 2.0f;
  const float support = scale >= 1.0f ? half_width * scale : half_width;
  const float inverse = scale >= 1.0f ? 1.0f / scale : 1.0f;
  AxisFilter axis;
  axis.taps.resize(static_cast<size_t>(output));
  for (int i = 0; i < output; ++i) {
    const float center = scale * (static_cast<float>(i) + 0.5f);
    const int first = std::max(static_cast<int>((center - support) + 0.5f), 0);
    const int last = std::min(static_cast<int>((center + support) + 0.5f), input);
    Taps& taps = axis.taps[static_cast<size_t>(i)];
    taps = {first, last - first, axis.weights.size()};
    float sum = 0.0f;
    for (int j = 0; j < taps.count; ++j) {
      const float x = std::abs(((static_cast<float>(j + first) - center) + 0.5f) * inverse);
      axis.weights.push_back(filter == Filter::kBilinear ? bilinear_weight(x) : bicubic_weight(x));
      sum += axis.weights.back();
    }
    for (int j = 0; j < taps.count; ++j) axis.weights[taps.offset + static_cast<size_t>(j)] /= sum;
  }
  return axis;
}

std::vector<TwoTaps> plain_taps(int input, int output) {
  const float scale = static_cast<float>(input) / static_cast<float>(output);
  std::vector<TwoTaps> taps;
  for (int i = 0; i < output; ++i) {
    const float source = std::max(std::fma(scale, static_cast<float>(i) + 0.5f, -0.5f), 0.0f);
    const int first = std::min(static_cast<int>(source), input - 1);
    const float second_weight = std::clamp(source - static_cast<float>(first), 0.0f, 1.0f);
    taps.push_back({first, std::min(first + 1, input - 1), 1.0f - second_weight, second_weight});
  }
  return taps;
}

}  // namespace molmo::image
