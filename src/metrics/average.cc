// SPDX-License-Identifier: Apache-2.0
#include "metrics/average.h"

#include <limits>
#include <numeric>

namespace molmo::metrics {

double plain_mean(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_over_processes(std::span<const std::vector<double>> processes) {
  float sum = 0.0F, weight = 0.0F;
  for (const std::vector<double>& scores : processes) {
    if (scores.empty()) continue;
    const auto count = static_cast<float>(scores.size());
    sum += static_cast<float>(plain_mean(scores)) * count;
    weight += count;
  }
  return weight == 0.0F ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(sum / weight);
}

double mean_score(std::span<const double> scores) {
  const std::vector<double> process(scores.begin(), scores.end());
  return mean_over_processes({&process, 1});
}

}  // namespace molmo::metrics
