// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

namespace molmo {
namespace {

TEST(RandomState, ReproducesTheReferenceDraws) {  // spec/preprocess.md Appendix A.4
  RandomState random(50189);
  EXPECT_EQ(random.random(), 0.9085688021169657);
  EXPECT_EQ(random.randint(0, 43), 3);
  EXPECT_NEAR(random.normal(0, 25), 3.88095266647, 1e-11);
  EXPECT_NEAR(random.normal(0, 25), -11.163007774, 1e-9);
  EXPECT_EQ(random.permutation(5), (std::vector<int64_t>{4, 1, 0, 2, 3}));
  EXPECT_EQ(RandomState(95818).permutation(10), (std::vector<int64_t>{3, 2, 5, 7, 4, 0, 9, 8, 1, 6}));
}

TEST(RandomState, OneChoiceDrawsNothing) {
  RandomState a(7), b(7);
  EXPECT_EQ(a.randint(5, 6), 5);
  EXPECT_EQ(a.next_u32(), b.next_u32());
}

TEST(RandomState, WideRangesUseTwoDraws) {
  RandomState a(7), b(7);
  const int64_t high = int64_t{1} << 40;
  const uint64_t first = b.next_u32(), second = b.next_u32();
  EXPECT_EQ(a.randint(0, high), static_cast<int64_t>(((first << 32) | second) & (high - 1)));
}

TEST(Pcg64Permutation, ReproducesTheSplitOfThePixmoSets) {
  EXPECT_EQ(pcg64_permutation(96817, 10), (std::vector<int64_t>{7, 9, 4, 8, 2, 0, 1, 5, 3, 6}));
  EXPECT_TRUE(pcg64_permutation(1, 0).empty());
}

TEST(TorchRandperm, CountsOnlyTheLowSeedBits) {
  EXPECT_EQ(torch_randperm(5, 20), torch_randperm((uint64_t{1} << 32) + 5, 20));
}

}  // namespace
}  // namespace molmo
