// Means over examples as the reference reports them, and the average of the eleven benchmarks.
// Facts: spec/eval.md §1.3 (precision), §2.3, §5.1. Paper: [P Tab.1].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace molmo::metrics {

/// The mean over the scores of several processes. PARITY: sums and quotient in float32, one update per process that
/// has scores. NaN without any score.
double mean_over_processes(std::span<const std::vector<double>> processes);

/// mean_over_processes of one process.
double mean_score(std::span<const double> scores);

/// Plain mean in double; NaN without values. 11-avg is this over the eleven columns of Table 1.
double plain_mean(std::span<const double> values);

}  // namespace molmo::metrics
