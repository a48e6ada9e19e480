// Style tags: a word before the question that says what kind of answer is wanted. Facts: spec/datasets.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo::data {

/// Those that the released models and own data are trained with, "demo" (no tag) first.
std::vector<std::string> known_styles();

/// Error for a style that no model was trained with, which it would answer as if it were a part of the question.
void expect_known_style(std::string_view style);

}  // namespace molmo::data
