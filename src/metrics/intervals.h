// Confidence intervals: Wilson's for proportions, the percentile bootstrap for means of other scores.
// Facts: spec/eval.md §3.3. Sources: Wilson 1927 (score interval); Efron 1979 (bootstrap), percentiles as NumPy's
// "linear".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace molmo::metrics {

struct Interval {
  double low = 0.0, high = 1.0;
};

/// Standard normal quantile, 0 < p < 1.
double normal_quantile(double p);

/// Wilson score interval of a proportion, two-sided. Error unless 0 <= successes <= trials, trials > 0, 0 < confidence
/// < 1.
Interval wilson_interval(int64_t successes, int64_t trials, double confidence = 0.95);

/// Percentile bootstrap of the mean with the seeded RandomState. One value gives an interval of width 0; Error without
/// any.
Interval bootstrap_mean_interval(std::span<const double> values, double confidence = 0.95, int num_resamples = 1000,
                                 uint32_t seed = 0);

}  // namespace molmo::metrics
