// Exact match `em` (GQA, DocVQA besides ANLS) and A-OKVQA direct answer. Facts: spec/eval.md §1.5, §1.6.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace molmo::metrics {

/// Whether the lower-cased prediction is one of the lower-cased references.
bool is_exact_match(std::string_view prediction, std::span<const std::string> references);

/// min(k / 3, 1) where k references equal the prediction after lower-casing and stripping.
double a_okvqa_score(std::string_view prediction, std::span<const std::string> references);

}  // namespace molmo::metrics
