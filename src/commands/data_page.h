// Records of own data as a page: pictures with their points and boxes, and what a model is trained to say about them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/record_view.h"
#include "molmo/decode_limits.h"

namespace molmo::commands {

/// One HTML file that needs nothing beside itself. Error for a picture that cannot be decoded.
std::string format_data_page(const std::string& title, const std::vector<data::RecordView>& views,
                             const DecodeLimits& limits);

}  // namespace molmo::commands
