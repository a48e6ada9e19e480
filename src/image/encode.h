// Pictures to PNG and JPEG.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "image/picture.h"

namespace molmo::image {

constexpr int kLongestJpegSide = 65500;  ///< that libjpeg writes

/// Errors: an empty picture, one that is too large for the format.
std::string encode_png(const Picture& picture);
std::string encode_jpeg(const Picture& picture, int quality);  ///< quality from 1 to 100

/// Error unless save_picture() can write there: an extension it knows, in a folder that exists.
void expect_writable_picture(const std::filesystem::path& path);

/// Writes by extension (.png, .jpg or .jpeg), atomically.
void save_picture(const std::filesystem::path& path, const Picture& picture);

}  // namespace molmo::image
