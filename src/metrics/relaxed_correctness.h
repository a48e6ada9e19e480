// Relaxed correctness (ChartQA): 5 % tolerance on numbers, else equal texts. Facts: spec/eval.md §1.7.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace molmo::metrics {

/// The number that a chart answer names: trailing "%" divide by 100. "1,000" is none.
std::optional<double> chart_number(std::string_view text);

/// |p - t| / |t| <= 0.05 where both are numbers and t is not 0, else equality of the lower-cased texts.
bool is_relaxed_correct(std::string_view prediction, std::string_view reference);

/// Whether any reference fits. Error without references.
bool is_relaxed_correct(std::string_view prediction, std::span<const std::string> references);

}  // namespace molmo::metrics
