// Pictures inside a page.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "image/picture.h"

namespace molmo::eval {

/// "data:image/jpeg;base64,...": the picture, shrunk to at most 560 pixels a side.
std::string picture_uri(const image::Picture& picture);

}  // namespace molmo::eval
