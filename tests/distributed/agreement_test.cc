// SPDX-License-Identifier: Apache-2.0
#include "distributed/agreement.h"

#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/ranks.h"

namespace molmo::distributed {
namespace {

TEST(Agreement, NamesTheFirstDifference) {
  const Facts own{{"program", "1"}, {"steps", "3"}, {"seed", "7"}};
  EXPECT_EQ(difference(own, own, 1), "");
  EXPECT_EQ(difference(own, {{"program", "1"}, {"steps", "5"}, {"seed", "7"}}, 4),
            "[dist] the ranks differ in steps, got 5 on rank 4, expected 3 as on rank 0");
  EXPECT_EQ(difference(own, {{"program", "1"}, {"steps", "5"}, {"more", "x"}}, 4),
            "[dist] the ranks differ in steps, got 5 on rank 4, expected 3 as on rank 0 (also in seed, more)");
  EXPECT_EQ(difference(own, {{"program", "1"}, {"seed", "7"}, {"steps", "3"}}, 1), "");  // in any order
}

TEST(Agreement, IsAskedOfAllRanks) {
  testing::run_ranks(3, [](Communicator& everyone) {
    expect_agreement(everyone, {{"data", "a \"quoted\" name"}});
    const Facts own{{"data", everyone.rank() == 2 ? "7 bytes" : "8 bytes"}};
    EXPECT_EQ(testing::error_of([&] { expect_agreement(everyone, own); }),
              "[dist] the ranks differ in data, got 7 bytes on rank 2, expected 8 bytes as on rank 0");
  });
}

}  // namespace
}  // namespace molmo::distributed
