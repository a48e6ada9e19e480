// Whether a whole reply is one of the spellings of points that the pointing benchmark accepts.
// Facts: spec/eval.md §1.10 Pointing, forms 1 to 5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace molmo::metrics {

/// Whether the stripped reply is lines of "(x, y)", or a <point> or <points> tag with an alt text.
bool is_point_reply(std::string_view reply);

}  // namespace molmo::metrics
