// SPDX-License-Identifier: Apache-2.0
#include "base/geometry.h"

#include <fmt/format.h>

namespace molmo::geometry {

std::string to_text(const Point& point) { return fmt::format("[{}, {}]", point.x, point.y); }

std::string to_text(const Box& box) { return fmt::format("[{}, {}, {}, {}]", box.x0, box.y0, box.x1, box.y1); }

}  // namespace molmo::geometry
