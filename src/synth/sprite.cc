// SPDX-License-Identifier: Apache-2.0
#include "synth/sprite.h"

#include <algorithm>

namespace molmo::synth {
namespace {

constexpr int kMinVisibleAlpha = 32, kOpaqueAlpha = 200;
constexpr int kMaxSide = 512, kMinSide = 16;

RgbaPicture trim_and_premultiply(const RgbaPicture& picture) {
  int x0 = picture.width, y0 = picture.height, x1 = 0, y1 = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      if (picture.at(y, x)[3] < kMinVisibleAlpha) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x + 1);
      y0 = std::min(y0, y), y1 = std::max(y1, y + 1);
    }
  }
  if (x0 >= x1) return {};
  RgbaPicture trimmed(x1 - x0, y1 - y0);
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const uint8_t* from = picture.at(y, x);
      uint8_t* to = trimmed.at(y - y0, x - x0);
      for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>((from[c] * from[3] + 127) / 255);
      to[3] = from[3];
    }
  }
  return trimmed;
}

// Means of 2 x 2 pixels; an odd last row or column counts twice.
RgbaPicture halve(const RgbaPicture& picture) {
  RgbaPicture half((picture.width + 1) / 2, (picture.height + 1) / 2);
  for (int y = 0; y < half.height; ++y) {
    const int y0 = 2 * y, y1 = std::min(y0 + 1, picture.height - 1);
    for (int x = 0; x < half.width; ++x) {
      const int x0 = 2 * x, x1 = std::min(x0 + 1, picture.width - 1);
      const uint8_t *a = picture.at(y0, x0), *b = picture.at(y0, x1), *c = picture.at(y1, x0), *d = picture.at(y1, x1);
      for (int i = 0; i < 4; ++i) half.at(y, x)[i] = static_cast<uint8_t>((a[i] + b[i] + c[i] + d[i] + 2) / 4);
    }
  }
  return half;
}

}  // namespace

bool set_sprite_picture(const RgbaPicture& picture, Sprite& sprite) {
  sprite.sizes.clear();
  RgbaPicture current = trim_and_premultiply(picture);
  if (current.width == 0) return false;
  while (std::max(current.width, current.height) > kMaxSide) current = halve(current);
  while (std::max(current.width, current.height) >= 2 * kMinSide) {
    RgbaPicture next = halve(current);
    sprite.sizes.push_back(std::move(current));
    current = std::move(next);
  }
  sprite.sizes.push_back(std::move(current));
  return true;
}

double opaque_share(const Sprite& sprite) {
  const RgbaPicture& picture = sprite.sizes.front();
  size_t num_visible = 0, num_opaque = 0;
  for (size_t i = 3; i < picture.pixels.size(); i += 4) {
    num_visible += picture.pixels[i] >= kMinVisibleAlpha;
    num_opaque += picture.pixels[i] >= kOpaqueAlpha;
  }
  return num_visible == 0 ? 0.0 : static_cast<double>(num_opaque) / static_cast<double>(num_visible);
}

}  // namespace molmo::synth
