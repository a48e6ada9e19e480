// The prompt templates of the released models, built into the program. Facts: spec/preprocess.md Appendix C.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace molmo::data {

/// What a template holds in the place of the label.
inline constexpr std::string_view kLabelPlaceholder = "{label}";

/// Styles whose prompts are templates or free text; only a tenth of them carries a style tag.
inline constexpr std::string_view kDemoStyles[] = {"point_count", "pointing", "user_qa", "long_caption"};

std::span<const std::string_view> long_caption_templates();  ///< 23
std::span<const std::string_view> pointing_templates();      ///< 43, with a label
std::span<const std::string_view> point_count_templates();   ///< 57, with a label
std::span<const std::string_view> no_pointing_prefixes();    ///< 32, put before "how many" questions of demo data

}  // namespace molmo::data
