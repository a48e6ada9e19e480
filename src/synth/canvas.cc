// SPDX-License-Identifier: Apache-2.0
#include "synth/canvas.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "base/check.h"

namespace molmo::synth {
namespace {

constexpr int kSolidAlpha = 128;  // a pixel belongs to an object from here on

// Tones of premultiplied pixels; the alpha bounds them.
void change_tones(RgbaPicture& picture, const Pose& pose) {
  for (size_t i = 0; i < picture.pixels.size(); i += 4) {
    uint8_t* pixel = &picture.pixels[i];
    const double alpha = pixel[3], middle = alpha / 2;
    for (int c = 0; c < 3; ++c) {
      const double value = ((pixel[c] - middle) * pose.contrast + middle) * pose.gains[c];
      pixel[c] = static_cast<uint8_t>(std::clamp(value + 0.5, 0.0, alpha));
    }
  }
}

// Cuts off borders without solid pixels.
RgbaPicture trim(const RgbaPicture& picture) {
  int x0 = picture.width, y0 = picture.height, x1 = 0, y1 = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      if (picture.at(y, x)[3] < kSolidAlpha) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x + 1);
      y0 = std::min(y0, y), y1 = std::max(y1, y + 1);
    }
  }
  if (x0 >= x1) return {};
  // One more pixel on each side keeps the soft edge.
  x0 = std::max(x0 - 1, 0), y0 = std::max(y0 - 1, 0), x1 = std::min(x1 + 1, picture.width),
  y1 = std::min(y1 + 1, picture.height);
  RgbaPicture trimmed(x1 - x0, y1 - y0);
  for (int y = y0; y < y1; ++y) std::copy_n(picture.at(y, x0), size_t{4} * trimmed.width, trimmed.at(y - y0, 0));
  return trimmed;
}

}  // namespace

RgbaPicture render_sprite(const Sprite& sprite, const Pose& pose) {
  const double radians = pose.angle * std::numbers::pi / 180, cosine = std::cos(radians), sine = std::sin(radians);
  const double frame_w = std::abs(cosine) * sprite.width() + std::abs(sine) * sprite.height();
  const double frame_h = std::abs(sine) * sprite.width() + std::abs(cosine) * sprite.height();
  const double scale = pose.longer_side / std::max(frame_w, frame_h);
  size_t size = 0;  // the smallest stored size that is not enlarged
  while (size + 1 < sprite.sizes.size() && sprite.sizes[size + 1].width >= scale * sprite.width()) ++size;
  const RgbaPicture& source = sprite.sizes[size];
  const double step = source.width / (sprite.width() * scale);  // source pixels per target pixel

  RgbaPicture target(static_cast<int>(std::ceil(frame_w * scale)) + 2,
                     static_cast<int>(std::ceil(frame_h * scale)) + 2);
  const double flip = pose.is_flipped ? -1 : 1;
  const double half_w = (target.width - 1) / 2.0, half_h = (target.height - 1) / 2.0;
  const double a = step * cosine * flip, b = -step * sine * flip, c = step * sine, d = step * cosine;
  const cv::Matx23d to_source(a, b, (source.width - 1) / 2.0 - a * half_w - b * half_h,  //
                              c, d, (source.height - 1) / 2.0 - c * half_w - d * half_h);
  const cv::Mat from(source.height, source.width, CV_8UC4, const_cast<uint8_t*>(source.pixels.data()));
  cv::Mat to(target.height, target.width, CV_8UC4, target.pixels.data());
  cv::warpAffine(from, to, to_source, to.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT,
                 cv::Scalar::all(0));
  change_tones(target, pose);
  return trim(target);
}

Canvas::Canvas(image::Picture background)
    : picture_(std::move(background)), owners_(static_cast<size_t>(picture_.width) * picture_.height, int16_t{-1}) {}

bool Canvas::leaves_enough_visible(const RgbaPicture& cutout, int x, int y, double min_visible) const {
  const auto touches = [&](const Placed& other) {
    return x < other.box[2] && other.box[0] < x + cutout.width && y < other.box[3] && other.box[1] < y + cutout.height;
  };
  if (std::none_of(placed_.begin(), placed_.end(), touches)) return true;
  std::vector<int64_t> covered(placed_.size(), 0);
  for (int row = 0; row < cutout.height; ++row) {
    for (int column = 0; column < cutout.width; ++column) {
      if (cutout.at(row, column)[3] < kSolidAlpha) continue;
      const int owner = owner_at(y + row, x + column);
      if (owner >= 0) ++covered[static_cast<size_t>(owner)];
    }
  }
  for (size_t i = 0; i < placed_.size(); ++i) {
    const int64_t num_visible = placed_[i].num_pixels - placed_[i].num_covered - covered[i];
    if (static_cast<double>(num_visible) < min_visible * static_cast<double>(placed_[i].num_pixels)) return false;
  }
  return true;
}

bool Canvas::try_place(const RgbaPicture& cutout, int x, int y, double min_visible) {
  if (x < 0 || y < 0 || x + cutout.width > width() || y + cutout.height > height() || cutout.width == 0) return false;
  if (!leaves_enough_visible(cutout, x, y, min_visible)) return false;
  Placed placed{.box = {x, y, x + cutout.width, y + cutout.height}};
  const int16_t index = static_cast<int16_t>(placed_.size());
  for (int row = 0; row < cutout.height; ++row) {
    uint8_t* pixel = picture_.row(y + row) + size_t{3} * x;
    for (int column = 0; column < cutout.width; ++column, pixel += 3) {
      const uint8_t* over = cutout.at(row, column);
      if (over[3] == 0) continue;
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(over[c] + (pixel[c] * (255 - over[3]) + 127) / 255);
      if (over[3] < kSolidAlpha) continue;
      int16_t& owner = owners_[static_cast<size_t>(y + row) * picture_.width + (x + column)];
      if (owner >= 0) ++placed_[static_cast<size_t>(owner)].num_covered;
      owner = index;
      ++placed.num_pixels;
    }
  }
  placed_.push_back(placed);
  return true;
}

VisibleRegion Canvas::find_visible_region(size_t index) const {
  const Placed& placed = placed_.at(index);
  const int owner = static_cast<int>(index);
  VisibleRegion region{.box = {width(), height(), 0, 0}};
  double sum_x = 0, sum_y = 0;
  for (int y = placed.box[1]; y < placed.box[3]; ++y) {
    for (int x = placed.box[0]; x < placed.box[2]; ++x) {
      if (owner_at(y, x) != owner) continue;
      region.box = {std::min(region.box[0], x), std::min(region.box[1], y), std::max(region.box[2], x + 1),
                    std::max(region.box[3], y + 1)};
      sum_x += x, sum_y += y, ++region.num_pixels;
    }
  }
  MOLMO_CHECK(region.num_pixels > 0);
  const double count = static_cast<double>(region.num_pixels);
  region.point = find_point(region.box, owner, sum_x / count, sum_y / count);
  return region;
}

// The object's pixel nearest to its centre of mass, if possible one whose neighbours belong to the object too.
std::array<int, 2> Canvas::find_point(const std::array<int, 4>& box, int owner, double mean_x, double mean_y) const {
  std::array<int, 2> nearest{};
  double least = std::numeric_limits<double>::max();
  const auto is_inner = [&](int x, int y) {
    return x > box[0] && x + 1 < box[2] && y > box[1] && y + 1 < box[3] && owner_at(y, x - 1) == owner &&
           owner_at(y, x + 1) == owner && owner_at(y - 1, x) == owner && owner_at(y + 1, x) == owner;
  };
  const double penalty = std::pow(box[2] - box[0], 2) + std::pow(box[3] - box[1], 2);
  for (int y = box[1]; y < box[3]; ++y) {
    for (int x = box[0]; x < box[2]; ++x) {
      if (owner_at(y, x) != owner) continue;
      const double distance = std::pow(x - mean_x, 2) + std::pow(y - mean_y, 2);
      if (distance >= least) continue;
      const double cost = distance + (is_inner(x, y) ? 0 : penalty);
      if (cost < least) least = cost, nearest = {x, y};
    }
  }
  return nearest;
}

}  // namespace molmo::synth
