// The size of a picture and how it is stored, without decoding it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace molmo::image {

struct PictureInfo {
  int width = 0, height = 0;  ///< upright, as load_picture gives it
  int orientation = 1;        ///< of EXIF or XMP; from 5 on the file stores width and height swapped
};

/// Reads the headers of a JPEG or PNG file (orientation by EXIF, in a JPEG by XMP too); other formats, and headers of
/// another kind, are decoded. Errors: those of load_picture.
PictureInfo read_picture_info(const std::filesystem::path& path);

}  // namespace molmo::image
