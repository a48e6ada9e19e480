// SPDX-License-Identifier: Apache-2.0
#include "base/number_text.h"

#include <gtest/gtest.h>

namespace molmo {
namespace {

TEST(NumberText, CountsHaveSeparators) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(-123456), "-123,456");
  EXPECT_EQ(format_count(8021025280), "8,021,025,280");
}

TEST(NumberText, ScaledCountsHaveThreeDigits) {
  EXPECT_EQ(format_scaled(999), "999");
  EXPECT_EQ(format_scaled(1000), "1.00 k");
  EXPECT_EQ(format_scaled(9996), "10.0 k");
  EXPECT_EQ(format_scaled(99960), "100 k");
  EXPECT_EQ(format_scaled(999600), "1.00 M");
  EXPECT_EQ(format_scaled(8021025280), "8.02 B");
  EXPECT_EQ(format_scaled(72700000000), "72.7 B");
  EXPECT_EQ(format_scaled(-3400000), "-3.40 M");
}

}  // namespace
}  // namespace molmo
