// SPDX-License-Identifier: Apache-2.0
#include "image/exact_division.h"

#include <gtest/gtest.h>

#include <bit>

#include "image/normalize.h"

namespace molmo::image {
namespace {

// Scaling by a power of two changes no rounding, so two binades of numerators stand for all.
TEST(ExactDivision, EveryMantissaOfTheDivisorsInUse) {
  std::vector<float> divisors = {255.0f};
  for (const auto kind : {config::NormalizeKind::kOpenai, config::NormalizeKind::kDino}) {
    for (const float std : normalization_of(kind).std) divisors.push_back(std);
  }
  for (const float divisor : divisors) {
    const ExactDivisor exact(divisor);
    int64_t num_wrong = 0;
    for (uint32_t bits = std::bit_cast<uint32_t>(1.0f); bits < std::bit_cast<uint32_t>(4.0f); ++bits) {
      const auto a = std::bit_cast<float>(bits);
      num_wrong += exact.quotient(a) != a / divisor;
    }
    EXPECT_EQ(num_wrong, 0) << divisor;
    EXPECT_EQ(exact.quotient(0.0f), 0.0f);
    EXPECT_EQ(exact.quotient(-1.7f), -1.7f / divisor);
  }
}

}  // namespace
}  // namespace molmo::image
