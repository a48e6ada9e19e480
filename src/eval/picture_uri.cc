// SPDX-License-Identifier: Apache-2.0
#include "eval/picture_uri.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "image/encode.h"
#include "image/resize.h"

namespace molmo::eval {
namespace {

constexpr int kJpegQuality = 82, kLongestSide = 560;  // of a picture in the page

image::Picture shrunk(const image::Picture& picture) {
  const int longest = std::max(picture.width, picture.height);
  if (longest <= kLongestSide) return picture;
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(1.0 * side * kLongestSide / longest)));
  };
  image::Picture small(scaled(picture.width), scaled(picture.height));
  image::Resizer resizer(picture, small.width, small.height, config::ResizeKind::kSiglip, 0.0f);
  for (int y = 0; y < small.height; ++y) resizer.next_row(small.row(y));
  return small;
}

}  // namespace

std::string picture_uri(const image::Picture& picture) {
  return "data:image/jpeg;base64," + encode_base64(image::encode_jpeg(shrunk(picture), kJpegQuality));
}

}  // namespace molmo::eval
