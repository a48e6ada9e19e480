// SPDX-License-Identifier: Apache-2.0
#include "image/orientation.h"

#include <cctype>
#include <cstring>
#include <string_view>

#include "image/tiff_directory.h"

namespace molmo::image {
namespace {

constexpr std::string_view kExifHead("Exif\0\0", 6);

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

int valid_orientation(int64_t value) { return value >= 1 && value <= 8 ? static_cast<int>(value) : 1; }

// `tiff:Orientation="6"` or `tiff:Orientation>6`: the first of them counts.
int xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = xmp.find(kName); at != xmp.npos; at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());
    const size_t mark = rest.starts_with("=\"") ? 2 : rest.starts_with(">") ? 1 : 0;
    if (mark > 0 && rest.size() > mark && std::isdigit(static_cast<unsigned char>(rest[mark])))
      return valid_orientation(rest[mark] - '0');
  }
  return 1;
}

}  // namespace

int find_orientation(Bytes exif, Bytes xmp) {
  for (int i = 0; i < 2 && as_text(exif).starts_with(kExifHead); ++i) exif = exif.subspan(kExifHead.size());
  if (!exif.empty()) {
    const auto directory = TiffDirectory::read(exif);
    if (!directory) return 1;
    if (directory->has(kTagOrientation)) return valid_orientation(directory->value(kTagOrientation, 1));
  }
  return xmp_orientation(as_text(xmp));
}

Picture apply_orientation(Picture picture, int orientation) {
  if (!turns(orientation)) return picture;
  const bool swaps = orientation >= 5;
  const bool flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;  // in the source
  const bool flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned(swaps ? picture.height : picture.width, swaps ? picture.width : picture.height);
  turned.num_transparent = picture.num_transparent;
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      int from_x = swaps ? y : x, from_y = swaps ? x : y;
      if (flips_x) from_x = picture.width - 1 - from_x;
      if (flips_y) from_y = picture.height - 1 - from_y;
      std::memcpy(turned.row(y) + size_t{3} * x, picture.row(from_y) + size_t{3} * from_x, 3);
    }
  }
  return turned;
}

}  // namespace molmo::image
