// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <fmt/format.h>

#include <cmath>

#include "base/check.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

constexpr int kChannels = 3;

enum class Filter { kBilinear, kBicubic };

// Taps of one output position of an axis.
struct Taps {
  int first = 0, count = 0;
  size_t offset = 0;  // of its weights
};

struct AxisFilter {
  std::vector<Taps> taps;  // [output size]
  std::vector<float> weights;
};

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

// The order of operations of the compiled library: the first product, then whole groups of four with a rounded product
// each, then the remaining taps fused.
struct TapOrder {
  int num_grouped;  // taps 1 .. num_grouped are added as rounded products
  explicit TapOrder(int count) : num_grouped((count - 1) / 4 * 4) {}
};

// [height, in_width, 3] -> [height, out_width, 3]
std::vector<float> resize_rows(const std::vector<float>& source, int height, int in_width, int out_width, Filter filter) {
  if (in_width == out_width) return source;
  const AxisFilter axis = make_axis_filter(in_width, out_width, filter);
  std::vector<float> result(size_t{kChannels} * height * out_width);
  for (int y = 0; y < height; ++y) {
    const float* row = source.data() + size_t{kChannels} * in_width * y;
    float* out = result.data() + size_t{kChannels} * out_width * y;
    for (const Taps& taps : axis.taps) {
      const float* weight = axis.weights.data() + taps.offset;
      const float* pixel = row + size_t{kChannels} * taps.first;
      const TapOrder order(taps.count);
      float r = pixel[0] * weight[0], g = pixel[1] * weight[0], b = pixel[2] * weight[0];
      int j = 1;
      for (; j <= order.num_grouped; ++j) {
        pixel += kChannels;
        r = r + pixel[0] * weight[j];
        g = g + pixel[1] * weight[j];
        b = b + pixel[2] * weight[j];
      }
      for (; j < taps.count; ++j) {
        pixel += kChannels;
        r = std::fma(pixel[0], weight[j], r);
        g = std::fma(pixel[1], weight[j], g);
        b = std::fma(pixel[2], weight[j], b);
      }
      out[0] = r, out[1] = g, out[2] = b;
      out += kChannels;
    }
  }
  return result;
}

// [in_height, width, 3] -> [out_height, width, 3]
std::vector<float> resize_columns(const std::vector<float>& source, int in_height, int width, int out_height, Filter filter) {
  if (in_height == out_height) return source;
  const AxisFilter axis = make_axis_filter(in_height, out_height, filter);
  const size_t row_size = size_t{kChannels} * width;
  std::vector<float> result(row_size * out_height);
  float* out = result.data();
  for (const Taps& taps : axis.taps) {
    const float* weight = axis.weights.data() + taps.offset;
    const float* row = source.data() + row_size * taps.first;
    const TapOrder order(taps.count);
    for (size_t i = 0; i < row_size; ++i) out[i] = row[i] * weight[0];
    int j = 1;
    for (; j <= order.num_grouped; ++j) {
      row += row_size;
      for (size_t i = 0; i < row_size; ++i) out[i] = out[i] + row[i] * weight[j];
    }
    for (; j < taps.count; ++j) {
      row += row_size;
      for (size_t i = 0; i < row_size; ++i) out[i] = std::fma(row[i], weight[j], out[i]);
    }
    out += row_size;
  }
  return result;
}

std::vector<float> resize_antialias(const std::vector<float>& pixels, int in_width, int in_height, int width, int height, Filter filter) {
  return resize_columns(resize_rows(pixels, in_height, in_width, width, filter), in_height, width, height, filter);
}

// 0..255, half to even, then / 255.
void round_to_bytes(std::vector<float>& pixels) {
  for (float& value : pixels) value = std::nearbyint(std::clamp(value, 0.0f, 255.0f)) / 255.0f;
}

// Source rows of one output position without antialias.
struct TwoTaps {
  int first, second;
  float w_first, w_second;
};

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

FloatPicture pad(FloatPicture content, const Content& place, int width, int height, float pad_value) {
  if (content.width == width && content.height == height) return content;
  FloatPicture canvas{width, height, std::vector<float>(size_t{kChannels} * width * height, pad_value)};
  for (int y = 0; y < place.height; ++y) {
    const float* from = content.pixels.data() + size_t{kChannels} * place.width * y;
    std::copy_n(from, size_t{kChannels} * place.width,
                canvas.pixels.data() + size_t{kChannels} * (static_cast<size_t>(place.top + y) * width + place.left));
  }
  return canvas;
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

FloatPicture resize_bilinear_antialias(const Picture& picture, int width, int height) {
  std::vector<float> pixels(picture.pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(picture.pixels[i]) / 255.0f;
  FloatPicture result{width, height, resize_antialias(pixels, picture.width, picture.height, width, height, Filter::kBilinear)};
  for (float& value : result.pixels) value = std::clamp(value, 0.0f, 1.0f);
  return result;
}

FloatPicture resize_bicubic_antialias(const Picture& picture, int width, int height) {
  const std::vector<float> pixels(picture.pixels.begin(), picture.pixels.end());
  FloatPicture result{width, height, resize_antialias(pixels, picture.width, picture.height, width, height, Filter::kBicubic)};
  round_to_bytes(result.pixels);
  return result;
}

FloatPicture resize_bilinear_plain(const Picture& picture, int width, int height) {
  const std::vector<TwoTaps> columns = plain_taps(picture.width, width), rows = plain_taps(picture.height, height);
  FloatPicture result{width, height, std::vector<float>(size_t{kChannels} * width * height)};
  float* out = result.pixels.data();
  for (const TwoTaps& y : rows) {
    const uint8_t *upper = picture.row(y.first), *lower = picture.row(y.second);
    for (const TwoTaps& x : columns) {
      const float c00 = y.w_first * x.w_first, c01 = y.w_first * x.w_second, c10 = y.w_second * x.w_first, c11 = y.w_second * x.w_second;
      for (int c = 0; c < kChannels; ++c) {
        float value = c01 * static_cast<float>(upper[kChannels * x.second + c]);
        value = std::fma(c00, static_cast<float>(upper[kChannels * x.first + c]), value);
        value = std::fma(c10, static_cast<float>(lower[kChannels * x.first + c]), value);
        *out++ = std::fma(c11, static_cast<float>(lower[kChannels * x.second + c]), value);
      }
    }
  }
  round_to_bytes(result.pixels);
  return result;
}

Canvas resize_to_canvas(const Picture& picture, int width, int height, config::ResizeKind kind, float pad_value) {
  MOLMO_CHECK(picture.width > 0 && picture.height > 0, "empty picture");
  const Content whole{0, 0, height, width};
  switch (kind) {
    case config::ResizeKind::kFitAndPad: {
      const Content place = fit_content(picture.width, picture.height, width, height);
      return {pad(resize_bilinear_antialias(picture, place.width, place.height), place, width, height, pad_value), place};
    }
    case config::ResizeKind::kSiglip: return {resize_bilinear_plain(picture, width, height), whole};
    case config::ResizeKind::kDino:
    case config::ResizeKind::kMetaclip: return {resize_bicubic_antialias(picture, width, height), whole};
  }
  MOLMO_CHECK(false, "unknown resize");
}

}  // namespace molmo::image
