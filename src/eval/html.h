// The pieces of HTML that the parts of a report share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/report.h"

namespace molmo::eval {

/// Text with what HTML would read as markup written as entities.
std::string escape_html(std::string_view text);

/// The chart of losses, one run after another on a logarithmic axis: for wide pages and for phones, with its legend.
/// Empty where no curve has a loss above 0.
std::string loss_chart_html(const std::vector<ReportCurve>& curves);

}  // namespace molmo::eval
