// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "image/round_bytes.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;

}  // namespace

Content fit_content(int width, int height, int canvas_width, int canvas_height) {
  const float scale_y = static_cast<float>(canvas_height) / static_cast<float>(height);
  const float scale_x = static_cast<float>(canvas_width) / static_cast<float>(width);
  const float scale = std::min(scale_x, scale_y);
  const int fitted_height = static_cast<int>(static_cast<float>(height) * scale);
  const int fitted_width = static_cast<int>(static_cast<float>(width) * scale);
  if (fitted_height == 0 || fitted_width == 0) {
    throw Error(
        fmt::format("[preprocess] picture of {}x{} pixels: too narrow, expected an aspect ratio of at most {}:1", width,
                    height, std::max(canvas_width, canvas_height)));
  }
  return {(canvas_height - fitted_height) / 2, (canvas_width - fitted_width) / 2, fitted_height, fitted_width};
}

std::shared_ptr<RowBlocks> Resizer::blocks_for(const Picture& picture, config::ResizeKind kind) {
  MOLMO_CHECK(picture.width > 0 && picture.height > 0, "empty picture");
  return std::make_shared<RowBlocks>(picture, kind == config::ResizeKind::kFitAndPad ? 255.0f : 1.0f);
}

Resizer::Resizer(std::shared_ptr<RowBlocks> blocks, int width, int height, config::ResizeKind kind, float pad_value,
                 int rows_ahead)
    : blocks_(std::move(blocks)),
      width_(width),
      height_(height),
      kind_(kind),
      pad_value_(pad_value),
      content_{0, 0, height, width} {
  const Picture& picture = blocks_->picture();
  if (kind == config::ResizeKind::kSiglip) {
    plain_x_ = plain_taps(picture.width, width);
    plain_y_ = plain_taps(picture.height, height);
    for (const TwoTaps& x : plain_x_) {
      plain_weights_.first.insert(plain_weights_.first.end(), kChannels, x.w_first);
      plain_weights_.second.insert(plain_weights_.second.end(), kChannels, x.w_second);
    }
    return;
  }
  const bool fits = kind == config::ResizeKind::kFitAndPad;
  if (fits) content_ = fit_content(picture.width, picture.height, width, height);
  const Filter filter = fits ? Filter::kBilinear : Filter::kBicubic;
  row_filter_ = RowFilter(picture.width, content_.width, filter);
  if (picture.height != content_.height) columns_ = make_axis_filter(picture.height, content_.height, filter);
  int most = 1;  // rows of the picture that rows_ahead rows span
  for (int y = 0; y < content_.height; ++y) {
    const Taps last = column_taps(std::min(y + rows_ahead, content_.height) - 1);
    most = std::max(most, last.first + last.count - column_taps(y).first);
  }
  num_kept_ = (most + 3 * RowBlocks::kRows - 1) / RowBlocks::kRows * RowBlocks::kRows;
  rows_.resize(size_t{kChannels} * content_.width * num_kept_);
}

// Of a row of the content. Where the height stays it is copied.
Taps Resizer::column_taps(int y) const {
  return columns_.taps.empty() ? Taps{.first = y, .count = 1} : columns_.taps[static_cast<size_t>(y)];
}

int Resizer::rows_needed(int y) const {
  const int row = y - content_.top;
  if (kind_ == config::ResizeKind::kSiglip || row < 0) return 0;
  const Taps last = column_taps(std::min(row, content_.height - 1));
  return last.first + last.count;
}

void Resizer::absorb(int count) {
  if (kind_ == config::ResizeKind::kSiglip) return;
  for (; num_filtered_ < count; num_filtered_ += RowBlocks::kRows) {
    float* to = rows_.data() + size_t{kChannels} * content_.width * static_cast<size_t>(num_filtered_ % num_kept_);
    row_filter_.write_block(*blocks_, num_filtered_, to);
  }
}

void Resizer::next_row(float* out) {
  const int row = next_++ - content_.top;
  if (row < 0 || row >= content_.height) {
    std::fill_n(out, kChannels * width_, pad_value_);
    return;
  }
  std::fill_n(out, kChannels * content_.left, pad_value_);
  float* content = out + kChannels * content_.left;
  write_content_row(row, content);
  const int num_values = kChannels * content_.width;
  if (config::rounds_to_bytes(kind_)) {
    round_to_unit(content, static_cast<size_t>(num_values));
  } else {
    for (int i = 0; i < num_values; ++i) content[i] = std::clamp(content[i], 0.0f, 1.0f);
  }
  std::fill(content + num_values, out + kChannels * width_, pad_value_);
}

void Resizer::next_row(uint8_t* out) {
  MOLMO_CHECK(config::rounds_to_bytes(kind_), "bytes of a resize that does not round");
  unrounded_.resize(size_t{kChannels} * width_);  // stretched: there is no padding
  write_content_row(next_++, unrounded_.data());
  round_to_bytes(unrounded_.data(), unrounded_.size(), out);
}

void Resizer::write_content_row(int y, float* out) {
  if (kind_ == config::ResizeKind::kSiglip) {
    write_plain_row(y, out);
  } else {
    write_filtered_row(y, out);
  }
}

// Row `y` of the first pass, out of the ring.
const float* Resizer::filtered_row(int y) const {
  return rows_.data() + size_t{kChannels} * content_.width * static_cast<size_t>(y % num_kept_);
}

void Resizer::write_filtered_row(int y, float* out) {
  const int num_values = kChannels * content_.width;
  const Taps taps = column_taps(y);
  absorb(taps.first + taps.count);
  if (columns_.taps.empty()) {  // no second pass
    std::copy_n(filtered_row(y), num_values, out);
    return;
  }
  const float* weight = columns_.weights.data() + taps.offset;
  const float* row = filtered_row(taps.first);
  for (int i = 0; i < num_values; ++i) out[i] = row[i] * weight[0];
  int j = 1;
  for (; j <= taps.num_rounded(); ++j) {
    row = filtered_row(taps.first + j);
    for (int i = 0; i < num_values; ++i) out[i] = out[i] + row[i] * weight[j];
  }
  for (; j < taps.count; ++j) {
    row = filtered_row(taps.first + j);
    for (int i = 0; i < num_values; ++i) out[i] = std::fma(row[i], weight[j], out[i]);
  }
}

// Both values that each output of a row of the picture reads, in the order of the outputs.
const Resizer::SpreadRow& Resizer::spread_row(int y) {
  SpreadRow& row = spread_[static_cast<size_t>(y % 2)];  // neighbours, of which one was read for the row before
  if (row.y == y) return row;
  row.y = y;
  row.first.resize(size_t{kChannels} * width_ + 1);  // a pixel is written as four values
  row.second.resize(row.first.size());
  const uint8_t* pixels = blocks_->picture().row(y);
  float *first = row.first.data(), *second = row.second.data();
  [[maybe_unused]] const int last_wide =
      blocks_->picture().width - 3;  // from where on eight bytes reach beyond the row
  for (const TwoTaps& x : plain_x_) {
#ifdef __AVX2__
    if (x.first < last_wide) {  // the second pixel is the next one
      const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixels + kChannels * x.first));
      _mm_storeu_ps(first, _mm_cvtepi32_ps(_mm_cvtepu8_epi32(both)));
      _mm_storeu_ps(second, _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_srli_si128(both, kChannels))));
      first += kChannels, second += kChannels;
      continue;
    }
#endif
    for (int c = 0; c < kChannels; ++c) {
      *first++ = static_cast<float>(pixels[kChannels * x.first + c]);
      *second++ = static_cast<float>(pixels[kChannels * x.second + c]);
    }
  }
  return row;
}

void Resizer::write_plain_row(int y, float* out) {
  const TwoTaps& taps = plain_y_[static_cast<size_t>(y)];
  const SpreadRow& upper = spread_row(taps.first);
  const SpreadRow& lower = spread_row(taps.second);  // the row itself at the picture's end, else the next one
  const float *u0 = upper.first.data(), *u1 = upper.second.data(), *l0 = lower.first.data(), *l1 = lower.second.data();
  const float *w0 = plain_weights_.first.data(), *w1 = plain_weights_.second.data();
  for (int i = 0; i < kChannels * width_; ++i) {
    const float c00 = taps.w_first * w0[i], c01 = taps.w_first * w1[i], c10 = taps.w_second * w0[i],
                c11 = taps.w_second * w1[i];
    out[i] = std::fma(c11, l1[i], std::fma(c10, l0[i], std::fma(c00, u0[i], c01 * u1[i])));
  }
}

}  // namespace molmo::image
