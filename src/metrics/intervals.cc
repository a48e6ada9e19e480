// SPDX-License-Identifier: Apache-2.0
#include "metrics/intervals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "molmo/error.h"

namespace molmo::metrics {
namespace {

void expect_confidence(double confidence) {
  if (confidence > 0.0 && confidence < 1.0) return;
  throw Error(fmt::format("[interval] confidence {}, expected a number between 0 and 1", confidence));
}

// Linear between the two nearest ranks.
double quantile(const std::vector<double>& sorted, double p) {
  const double rank = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double normal_quantile(double p) {
  MOLMO_CHECK(p > 0.0 && p < 1.0);
  if (p > 0.5) return -normal_quantile(1.0 - p);
  // Newton on log(cdf) from the tail's leading term: concave and increasing, so it converges from the left.
  const auto cdf = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  double z = -std::sqrt(-2.0 * std::log(2.0 * p)) - (p < 0.4 ? 0.0 : 0.1);
  for (int i = 0; i < 50; ++i) {
    const double value = cdf(z), density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
    const double step = value * std::log(value / p) / density;
    z -= step;
    if (std::abs(step) <= 1e-15 * (1.0 + std::abs(z))) break;
  }
  return z;
}

Interval wilson_interval(int64_t successes, int64_t trials, double confidence) {
  expect_confidence(confidence);
  if (trials <= 0 || successes < 0 || successes > trials) {
    throw Error(fmt::format("[interval] {} successes of {} trials, expected 0 <= successes <= trials and trials > 0",
                            successes, trials));
  }
  const double z = -normal_quantile(0.5 * (1.0 - confidence));
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double denominator = 1.0 + z * z / n;
  const double centre = (p + z * z / (2.0 * n)) / denominator;
  const double half_width = z * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / denominator;
  return {std::max(0.0, centre - half_width), std::min(1.0, centre + half_width)};
}

Interval bootstrap_mean_interval(std::span<const double> values, double confidence, int num_resamples, uint32_t seed) {
  expect_confidence(confidence);
  if (values.empty() || num_resamples < 1)
    throw Error("[interval] bootstrap without values or resamples, expected at least one of each");
  RandomState random(seed);
  const auto count = static_cast<int64_t>(values.size());
  std::vector<double> means;
  for (int i = 0; i < num_resamples; ++i) {
    double sum = 0.0;
    for (int64_t k = 0; k < count; ++k) sum += values[static_cast<size_t>(random.randint(0, count))];
    means.push_back(sum / static_cast<double>(count));
  }
  std::sort(means.begin(), means.end());
  return {quantile(means, 0.5 * (1.0 - confidence)), quantile(means, 0.5 * (1.0 + confidence))};
}

}  // namespace molmo::metrics
