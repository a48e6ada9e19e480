// SPDX-License-Identifier: Apache-2.0
#include "oracles/preprocess/values.h"

#include <fmt/format.h>

#include <cmath>

namespace molmo::testing {

void expect_values(GoldenCase& golden, const std::string& what, std::span<const float> got,
                   std::span<const float> expected, const ValueTolerance& tolerance) {
  if (tolerance.level.empty() || got.size() != expected.size())
    return golden.expect_near(what, got, expected, tolerance.value);
  size_t num_apart = 0;
  double worst = 0.0;
  for (size_t i = 0; i < got.size(); ++i) {
    double difference = std::abs(double(got[i]) - double(expected[i]));
    const double level = tolerance.level[i % 3];
    if (difference > tolerance.value && std::abs(difference - level) <= 2 * tolerance.value)
      ++num_apart, difference = 0.0;
    worst = std::max(worst, std::isnan(difference) ? INFINITY : difference / tolerance.value);
  }
  golden.record(what, got.size(), worst);
  golden.record(fmt::format("{}: {} of {} values one level apart", what, num_apart, got.size()), 0,
                static_cast<double>(num_apart) / (0.02 * static_cast<double>(std::max<size_t>(got.size(), 50))));
}

}  // namespace molmo::testing
