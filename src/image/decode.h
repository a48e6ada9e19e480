// Pictures from files: JPEG, PNG, WebP, BMP, TIFF, GIF (first frame) and binary PNM, told apart by content.
// Facts: spec/preprocess.md §1.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "image/picture.h"
#include "molmo/decode_limits.h"

namespace molmo::image {

/// Decodes to 8-bit RGB and applies the EXIF orientation. `where` names the source in errors.
Picture decode_picture(std::span<const uint8_t> bytes, const std::string& where, const DecodeLimits& limits = {});

/// Reads and decodes a file.
Picture load_picture(const std::filesystem::path& path, const DecodeLimits& limits = {});

}  // namespace molmo::image
