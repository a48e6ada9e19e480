// Pictures of a data set: loaded under its limits, and what is odd about them said once instead of for each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "image/picture.h"
#include "molmo/decode_limits.h"

namespace molmo::image {

/// "40 % of the pixels are transparent: ..."
std::string describe_hidden_colors(int64_t num_transparent, int64_t num_pixels);

/// Safe to use from several threads at once.
class PictureLoader {
 public:
  explicit PictureLoader(const DecodeLimits& limits) : limits_(limits) {}
  ~PictureLoader();  ///< logs how many pictures had hidden colours, if more than the one that was named had
  PictureLoader(const PictureLoader&) = delete;
  PictureLoader& operator=(const PictureLoader&) = delete;

  /// Reads and decodes a file. Warns of the first whose transparent pixels hide colours.
  Picture load(const std::filesystem::path& path) const;

 private:
  DecodeLimits limits_;
  mutable std::atomic<int64_t> num_loaded_ = 0, num_transparent_ = 0;
};

}  // namespace molmo::image
