// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "image/exact_division.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;

// 0..255, half to even.
float rounded(float value) { return std::nearbyint(std::clamp(value, 0.0f, 255.0f)); }

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

std::shared_ptr<RowBlocks> Canvas::blocks_for(const Picture& picture, config::ResizeKind kind) {
  MOLMO_CHECK(picture.width > 0 && picture.height > 0, "empty picture");
  return std::make_shared<RowBlocks>(picture, kind == config::ResizeKind::kFitAndPad ? 255.0f : 1.0f);
}

Canvas::Canvas(std::shared_ptr<RowBlocks> blocks, int width, int height, config::ResizeKind kind, float pad_value,
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
Taps Canvas::column_taps(int y) const {
  return columns_.taps.empty() ? Taps{.first = y, .count = 1} : columns_.taps[static_cast<size_t>(y)];
}

int Canvas::rows_needed(int y) const {
  const int row = y - content_.top;
  if (kind_ == config::ResizeKind::kSiglip || row < 0) return 0;
  const Taps last = column_taps(std::min(row, content_.height - 1));
  return last.first + last.count;
}

void Canvas::absorb(int count) {
  if (kind_ == config::ResizeKind::kSiglip) return;
  for (; num_filtered_ < count; num_filtered_ += RowBlocks::kRows) {
    float* to = rows_.data() + size_t{kChannels} * content_.width * static_cast<size_t>(num_filtered_ % num_kept_);
    row_filter_.write_block(*blocks_, num_filtered_, to);
  }
}

void Canvas::next_row(float* out) {
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
    const ExactDivisor most(255.0f);
    for (int i = 0; i < num_values; ++i) content[i] = most.quotient(rounded(content[i]));
  } else {
    for (int i = 0; i < num_values; ++i) content[i] = std::clamp(content[i], 0.0f, 1.0f);
  }
  std::fill(content + num_values, out + kChannels * width_, pad_value_);
}

void Canvas::next_row(uint8_t* out) {
  MOLMO_CHECK(config::rounds_to_bytes(kind_), "bytes of a resize that does not round");
  unrounded_.resize(size_t{kChannels} * width_);  // stretched: there is no padding
  write_content_row(next_++, unrounded_.data());
  for (size_t i = 0; i < unrounded_.size(); ++i) out[i] = static_cast<uint8_t>(rounded(unrounded_[i]));
}

void Canvas::write_content_row(int y, float* out) {
  if (kind_ == config::ResizeKind::kSiglip) {
    write_plain_row(y, out);
  } else {
    write_filtered_row(y, out);
  }
}

// Row `y` of the first pass, out of the ring.
const float* Canvas::filtered_row(int y) const {
  return rows_.data() + size_t{kChannels} * content_.width * static_cast<size_t>(y % num_kept_);
}

void Canvas::write_filtered_row(int y, float* out) {
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

void Canvas::write_plain_row(int y, float* out) const {
  const TwoTaps& taps = plain_y_[static_cast<size_t>(y)];
  const Picture& picture = blocks_->picture();
  const uint8_t *upper = picture.row(taps.first), *lower = picture.row(taps.second);
  for (const TwoTaps& x : plain_x_) {
    const float c00 = taps.w_first * x.w_first, c01 = taps.w_first * x.w_second, c10 = taps.w_second * x.w_first,
                c11 = taps.w_second * x.w_second;
    for (int c = 0; c < kChannels; ++c) {
      float value = c01 * static_cast<float>(upper[kChannels * x.second + c]);
      value = std::fma(c00, static_cast<float>(upper[kChannels * x.first + c]), value);
      value = std::fma(c10, static_cast<float>(lower[kChannels * x.first + c]), value);
      *out++ = std::fma(c11, static_cast<float>(lower[kChannels * x.second + c]), value);
    }
  }
}

}  // namespace molmo::image
