// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "image/resize_rows.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;

ValueTable value_table(float divisor) {
  ValueTable table;
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i) / divisor;
  return table;
}

// 0..255, half to even, then / 255.
void round_to_bytes(float* values, int count) {
  for (int i = 0; i < count; ++i) values[i] = std::nearbyint(std::clamp(values[i], 0.0f, 255.0f)) / 255.0f;
}

}  // namespace

Content fit_content(int width, int height, int canvas_width, int canvas_height) {
  const float scale_y = static_cast<float>(canvas_height) / static_cast<float>(height);
  const float scale_x = static_cast<float>(canvas_width) / static_cast<float>(width);
  const float scale = std::min(scale_x, scale_y);
  const int fitted_height = static_cast<int>(static_cast<float>(height) * scale);
  const int fitted_width = static_cast<int>(static_cast<float>(width) * scale);
  if (fitted_height == 0 || fitted_width == 0) {
    throw Error(fmt::format("[preprocess] picture of {}x{} pixels: too narrow, expected an aspect ratio of at most {}:1", width, height,
                            std::max(canvas_width, canvas_height)));
  }
  return {(canvas_height - fitted_height) / 2, (canvas_width - fitted_width) / 2, fitted_height, fitted_width};
}

Canvas::Canvas(const Picture& picture, int width, int height, config::ResizeKind kind, float pad_value)
    : picture_(picture), width_(width), height_(height), kind_(kind), pad_value_(pad_value), content_{0, 0, height, width} {
  MOLMO_CHECK(picture.width > 0 && picture.height > 0, "empty picture");
  if (kind == config::ResizeKind::kSiglip) {
    plain_x_ = plain_taps(picture.width, width);
    plain_y_ = plain_taps(picture.height, height);
    return;
  }
  const bool fits = kind == config::ResizeKind::kFitAndPad;
  if (fits) content_ = fit_content(picture.width, picture.height, width, height);
  const Filter filter = fits ? Filter::kBilinear : Filter::kBicubic;
  rows_.resize(size_t{kChannels} * content_.width * picture.height);
  resize_rows(picture, value_table(fits ? 255.0f : 1.0f), content_.width, filter, rows_.data());
  if (picture.height != content_.height) columns_ = make_axis_filter(picture.height, content_.height, filter);
}

void Canvas::write_row(int y, float* out) const {
  const int row = y - content_.top;
  if (row < 0 || row >= content_.height) {
    std::fill_n(out, kChannels * width_, pad_value_);
    return;
  }
  std::fill_n(out, kChannels * content_.left, pad_value_);
  float* content = out + kChannels * content_.left;
  if (kind_ == config::ResizeKind::kSiglip) {
    write_plain_row(row, content);
  } else {
    write_filtered_row(row, content);
  }
  const int num_values = kChannels * content_.width;
  if (kind_ == config::ResizeKind::kFitAndPad) {
    for (int i = 0; i < num_values; ++i) content[i] = std::clamp(content[i], 0.0f, 1.0f);
  } else {
    round_to_bytes(content, num_values);
  }
  std::fill(content + num_values, out + kChannels * width_, pad_value_);
}

void Canvas::write_filtered_row(int y, float* out) const {
  const size_t num_values = size_t{kChannels} * content_.width;
  if (columns_.taps.empty()) {  // no second pass
    std::copy_n(rows_.data() + num_values * static_cast<size_t>(y), num_values, out);
    return;
  }
  const Taps& taps = columns_.taps[static_cast<size_t>(y)];
  const float* weight = columns_.weights.data() + taps.offset;
  const float* row = rows_.data() + num_values * static_cast<size_t>(taps.first);
  for (size_t i = 0; i < num_values; ++i) out[i] = row[i] * weight[0];
  int j = 1;
  for (; j <= taps.num_rounded(); ++j) {
    row += num_values;
    for (size_t i = 0; i < num_values; ++i) out[i] = out[i] + row[i] * weight[j];
  }
  for (; j < taps.count; ++j) {
    row += num_values;
    for (size_t i = 0; i < num_values; ++i) out[i] = std::fma(row[i], weight[j], out[i]);
  }
}

void Canvas::write_plain_row(int y, float* out) const {
  const TwoTaps& taps = plain_y_[static_cast<size_t>(y)];
  const uint8_t *upper = picture_.row(taps.first), *lower = picture_.row(taps.second);
  for (const TwoTaps& x : plain_x_) {
    const float c00 = taps.w_first * x.w_first, c01 = taps.w_first * x.w_second, c10 = taps.w_second * x.w_first, c11 = taps.w_second * x.w_second;
    for (int c = 0; c < kChannels; ++c) {
      float value = c01 * static_cast<float>(upper[kChannels * x.second + c]);
      value = std::fma(c00, static_cast<float>(upper[kChannels * x.first + c]), value);
      value = std::fma(c10, static_cast<float>(lower[kChannels * x.first + c]), value);
      *out++ = std::fma(c11, static_cast<float>(lower[kChannels * x.second + c]), value);
    }
  }
}

}  // namespace molmo::image
