// SPDX-License-Identifier: Apache-2.0
#include "image/resize_rows.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>

#include "image/exact_division.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;
constexpr int kRows = RowBlocks::kRows;  // that lie side by side in a vector

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

// kRows rows of bytes, side by side: [num_values, kRows] floats, value / divisor.
void gather(const uint8_t* const rows[kRows], int num_values, float divisor, float* out) {
  int i = 0;
#ifdef __FMA__
  const ExactDivisor exact(divisor);
  const auto eight = [&](int row) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows[row] + i)); };
  const auto store = [&](__m128i bytes) {  // two values of all rows
    for (int k = 0; k < 2; ++k, out += kRows, bytes = _mm_srli_si128(bytes, kRows)) {
      _mm256_storeu_ps(out, exact.quotients(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))));
    }
  };
  for (; i + 8 <= num_values; i += 8) {  // a transposition of 8 x 8 bytes
    const __m128i a = _mm_unpacklo_epi8(eight(0), eight(1)), b = _mm_unpacklo_epi8(eight(2), eight(3));
    const __m128i c = _mm_unpacklo_epi8(eight(4), eight(5)), d = _mm_unpacklo_epi8(eight(6), eight(7));
    const __m128i ab_low = _mm_unpacklo_epi16(a, b), ab_high = _mm_unpackhi_epi16(a, b);
    const __m128i cd_low = _mm_unpacklo_epi16(c, d), cd_high = _mm_unpackhi_epi16(c, d);
    store(_mm_unpacklo_epi32(ab_low, cd_low));
    store(_mm_unpackhi_epi32(ab_low, cd_low));
    store(_mm_unpacklo_epi32(ab_high, cd_high));
    store(_mm_unpackhi_epi32(ab_high, cd_high));
  }
#endif
  for (; i < num_values; ++i, out += kRows) {
    for (int r = 0; r < kRows; ++r) out[r] = static_cast<float>(rows[r][i]) / divisor;
  }
}

// [num_values, kRows] -> [kRows, num_values]
void scatter(const float* from, int num_values, float* out) {
  const auto stride = static_cast<size_t>(num_values);
  int i = 0;
#ifdef __AVX2__
  for (; i + 8 <= num_values; i += 8) {  // a transposition of 8 x 8 floats
    __m256 v[kRows], t[kRows];
    for (int k = 0; k < 8; ++k) v[k] = _mm256_loadu_ps(from + (i + k) * kRows);
    for (int k = 0; k < 8; k += 2)
      t[k] = _mm256_unpacklo_ps(v[k], v[k + 1]), t[k + 1] = _mm256_unpackhi_ps(v[k], v[k + 1]);
    for (int k = 0; k < 8; k += 4) {
      v[k] = _mm256_shuffle_ps(t[k], t[k + 2], 0x44), v[k + 1] = _mm256_shuffle_ps(t[k], t[k + 2], 0xee);
      v[k + 2] = _mm256_shuffle_ps(t[k + 1], t[k + 3], 0x44), v[k + 3] = _mm256_shuffle_ps(t[k + 1], t[k + 3], 0xee);
    }
    for (int k = 0; k < 4; ++k) {
      _mm256_storeu_ps(out + static_cast<size_t>(k) * stride + i, _mm256_permute2f128_ps(v[k], v[k + 4], 0x20));
      _mm256_storeu_ps(out + static_cast<size_t>(k + 4) * stride + i, _mm256_permute2f128_ps(v[k], v[k + 4], 0x31));
    }
  }
#endif
  for (; i < num_values; ++i) {
    for (int r = 0; r < kRows; ++r) out[static_cast<size_t>(r) * stride + i] = from[i * kRows + r];
  }
}

// One output pixel of kCount taps, all of them fused but the first (Taps::num_rounded() is 0 up to four).
template <int kCount>
void filter_pixel(const float* pixel, const float* weight, float* out) {
  for (int c = 0; c < kChannels; ++c) {
    Lanes sum = Lanes::product(Lanes::load(pixel + c * kRows), weight[0]);
    for (int j = 1; j < kCount; ++j) sum = sum.plus_fused(Lanes::load(pixel + (j * kChannels + c) * kRows), weight[j]);
    sum.store(out + c * kRows);
  }
}

void filter_pixel(const Taps& taps, const float* pixel, const float* weight, float* out) {
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
  for (int c = 0; c < kChannels; ++c) sum[c].store(out + c * kRows);
}

// [in, 3, kRows] -> [out, 3, kRows]
void filter_block(const AxisFilter& axis, const float* in, float* out) {
  for (const Taps& taps : axis.taps) {
    const float* weight = axis.weights.data() + taps.offset;
    const float* pixel = in + static_cast<size_t>(taps.first) * kChannels * kRows;
    switch (taps.count) {
      case 1:
        filter_pixel<1>(pixel, weight, out);
        break;
      case 2:
        filter_pixel<2>(pixel, weight, out);
        break;
      case 3:
        filter_pixel<3>(pixel, weight, out);
        break;
      case 4:
        filter_pixel<4>(pixel, weight, out);
        break;
      default:
        filter_pixel(taps, pixel, weight, out);
    }
    out += kChannels * kRows;
  }
}

}  // namespace

const float* RowBlocks::block(int first) {
  if (first == first_) return block_.data();
  first_ = first;
  const int num_values = kChannels * picture_.width;
  block_.resize(static_cast<size_t>(num_values) * kRows);
  const uint8_t* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = picture_.row(std::min(first + r, picture_.height - 1));
  gather(rows, num_values, divisor_, block_.data());
  return block_.data();
}

void RowBlocks::copy_block(int first, float* out) const {
  for (int r = 0; r < kRows; ++r) {
    const uint8_t* row = picture_.row(std::min(first + r, picture_.height - 1));
    for (int i = 0; i < kChannels * picture_.width; ++i) *out++ = static_cast<float>(row[i]) / divisor_;
  }
}

RowFilter::RowFilter(int picture_width, int width, Filter filter) : width_(width) {
  if (width == picture_width) return;
  axis_ = make_axis_filter(picture_width, width, filter);
  out_.resize(static_cast<size_t>(width) * kChannels * kRows);
}

void RowFilter::write_block(RowBlocks& blocks, int first, float* out) {
  if (axis_.taps.empty()) return blocks.copy_block(first, out);
  filter_block(axis_, blocks.block(first), out_.data());
  scatter(out_.data(), kChannels * width_, out);
}

}  // namespace molmo::image
