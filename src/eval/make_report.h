// From an evaluation to its report.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "eval/report.h"
#include "eval/runner.h"

namespace molmo::eval {

/// Loss curve of a run folder (its metrics.jsonl), named after the folder.
ReportCurve read_curve(const std::filesystem::path& run);

struct ReportPictures {
  size_t count = 0;     ///< at most
  DecodeLimits limits;  ///< as they were evaluated with
};

/// Scores and some pictures of pointing questions, spread over the split, with their points drawn.
Report make_report(const EvalResult& result, const std::vector<ReportCurve>& curves,
                   std::vector<std::pair<std::string, std::string>> settings, const ReportPictures& pictures);

}  // namespace molmo::eval
