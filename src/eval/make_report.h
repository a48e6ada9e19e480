// From an evaluation to its report.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "eval/report.h"
#include "eval/runner.h"

namespace molmo::eval {

/// Loss curve of a run folder (its metrics.jsonl), named after the folder. Error where there is none.
ReportCurve read_curve(const std::filesystem::path& run);

struct ReportPictures {
  size_t count = 0;     ///< of each task, at most
  DecodeLimits limits;  ///< as they were evaluated with
};

/// Fills in scores, the table of labels, and examples of every task, spread over the split. Among the examples of a
/// task is one that scored full marks and one that did not, where there are such questions.
void add_results(Report& report, const EvalResult& result, const ReportPictures& pictures);

}  // namespace molmo::eval
