// SPDX-License-Identifier: Apache-2.0
#include "image/resize_rows.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "base/default_init.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;
constexpr int kRows = 8;  // that lie side by side in a vector

// Lanes of eight rows. Products and sums are rounded one by one, except where the fused form is called for.
struct Lanes {
#ifdef __FMA__
  __m256 v;
  static Lanes load(const float* from) { return {_mm256_loadu_ps(from)}; }
  static Lanes product(Lanes a, float w) { return {_mm256_mul_ps(a.v, _mm256_set1_ps(w))}; }
  Lanes plus(Lanes other) const { return {_mm256_add_ps(v, other.v)}; }
  Lanes plus_fused(Lanes a, float w) const { return {_mm256_fmadd_ps(a.v, _mm256_set1_ps(w), v)}; }
  void store(float* to) const { _mm256_storeu_ps(to, v); }
#else
  float v[kRows];
  static Lanes load(const float* from) {
    Lanes lanes;
    std::copy_n(from, kRows, lanes.v);
    return lanes;
  }
  static Lanes product(Lanes a, float w) {
    for (float& value : a.v) value *= w;
    return a;
  }
  Lanes plus(Lanes other) const {
    for (int i = 0; i < kRows; ++i) other.v[i] += v[i];
    return other;
  }
  Lanes plus_fused(Lanes a, float w) const {
    for (int i = 0; i < kRows; ++i) a.v[i] = std::fma(a.v[i], w, v[i]);
    return a;
  }
  void store(float* to) const { std::copy_n(v, kRows, to); }
#endif
};

// [count rows, num_values] bytes -> [num_values, kRows] floats; missing rows repeat the last one.
void gather(const uint8_t* const rows[kRows], int num_values, const ValueTable& table, float* out) {
  for (int i = 0; i < num_values; ++i) {
    for (int r = 0; r < kRows; ++r) out[r] = table[rows[r][i]];
    out += kRows;
  }
}

// [num_values, kRows] -> rows of num_values, `stride` apart; the first `count` of them.
void scatter(const float* from, int num_values, int count, float* out, size_t stride) {
  int i = 0;
  for (; i + 4 <= num_values && count == kRows; i += 4) {
    for (int half = 0; half < kRows; half += 4) {
      __m128 a = _mm_loadu_ps(from + (i + 0) * kRows + half), b = _mm_loadu_ps(from + (i + 1) * kRows + half);
      __m128 c = _mm_loadu_ps(from + (i + 2) * kRows + half), d = _mm_loadu_ps(from + (i + 3) * kRows + half);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      float* to = out + static_cast<size_t>(half) * stride + i;
      _mm_storeu_ps(to, a), _mm_storeu_ps(to + stride, b), _mm_storeu_ps(to + 2 * stride, c), _mm_storeu_ps(to + 3 * stride, d);
    }
  }
  for (; i < num_values; ++i) {
    for (int r = 0; r < count; ++r) out[static_cast<size_t>(r) * stride + i] = from[i * kRows + r];
  }
}

// [in, 3, kRows] -> [out, 3, kRows]
void filter_block(const AxisFilter& axis, const float* in, float* out) {
  for (const Taps& taps : axis.taps) {
    const float* weight = axis.weights.data() + taps.offset;
    const float* pixel = in + static_cast<size_t>(taps.first) * kChannels * kRows;
    const int num_rounded = taps.num_rounded();
    Lanes sum[kChannels];
    for (int c = 0; c < kChannels; ++c) sum[c] = Lanes::product(Lanes::load(pixel + c * kRows), weight[0]);
    for (int j = 1; j < taps.count; ++j) {
      pixel += kChannels * kRows;
      for (int c = 0; c < kChannels; ++c) {
        const Lanes value = Lanes::load(pixel + c * kRows);
        sum[c] = j <= num_rounded ? sum[c].plus(Lanes::product(value, weight[j])) : sum[c].plus_fused(value, weight[j]);
      }
    }
    for (int c = 0; c < kChannels; ++c, out += kRows) sum[c].store(out);
  }
}

}  // namespace

void resize_rows(const Picture& picture, const ValueTable& table, int width, Filter filter, float* out) {
  const int in_values = kChannels * picture.width, out_values = kChannels * width;
  if (picture.width == width) {
    for (const uint8_t value : picture.pixels) *out++ = table[value];
    return;
  }
  const AxisFilter axis = make_axis_filter(picture.width, width, filter);
  DefaultInitVector<float> in_block(static_cast<size_t>(in_values) * kRows), out_block(static_cast<size_t>(out_values) * kRows);
  for (int y = 0; y < picture.height; y += kRows) {
    const uint8_t* rows[kRows];
    for (int r = 0; r < kRows; ++r) rows[r] = picture.row(std::min(y + r, picture.height - 1));
    gather(rows, in_values, table, in_block.data());
    filter_block(axis, in_block.data(), out_block.data());
    scatter(out_block.data(), out_values, std::min(kRows, picture.height - y), out + static_cast<size_t>(y) * out_values, static_cast<size_t>(out_values));
  }
}

}  // namespace molmo::image
