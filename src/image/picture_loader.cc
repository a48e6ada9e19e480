// SPDX-License-Identifier: Apache-2.0
#include "image/picture_loader.h"

#include <fmt/format.h>

#include "base/log.h"
#include "image/decode.h"

namespace molmo::image {

std::string describe_hidden_colors(int64_t num_transparent, int64_t num_pixels) {
  const double share = static_cast<double>(num_transparent) / static_cast<double>(num_pixels);
  return fmt::format("{:.3g} % of the pixels are transparent: alpha is dropped, and the model sees the colors under it",
                     100.0 * share);
}

PictureLoader::~PictureLoader() {
  if (num_transparent_ > 1)
    log_info(fmt::format("[image] {} of {} loaded pictures have transparent pixels, whose hidden colors are shown",
                         num_transparent_.load(), num_loaded_.load()));
}

Picture PictureLoader::load(const std::filesystem::path& path) const {
  Picture picture = load_picture(path, limits_);
  ++num_loaded_;
  if (picture.num_transparent > 0 && ++num_transparent_ == 1)
    log_warning(fmt::format("[image] {}: {}; of others like it only their number is told", path.string(),
                            describe_hidden_colors(picture.num_transparent, std::ssize(picture.pixels) / 3)));
  return picture;
}

}  // namespace molmo::image
