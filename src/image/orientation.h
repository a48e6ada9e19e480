// How a stored picture is to be turned: EXIF's orientation, 1 (as it is) to 8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "image/decoding.h"

namespace molmo::image {

/// Orientation of an EXIF block (with or without the "Exif\0\0" head) or, where that has no such tag, of XMP text; 1
/// where absent, unreadable or out of range. Either may be empty.
int find_orientation(Bytes exif, Bytes xmp);

/// Whether an orientation is one of those that turn or mirror, 2 to 8.
constexpr bool turns(int orientation) { return orientation >= 2 && orientation <= 8; }

/// A copy turned and mirrored as the orientation says; the picture itself where it does not turn.
Picture apply_orientation(Picture picture, int orientation);

}  // namespace molmo::image
