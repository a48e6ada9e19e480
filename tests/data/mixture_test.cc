// SPDX-License-Identifier: Apache-2.0
#include "data/mixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "molmo/error.h"

namespace molmo::data {
namespace {

MixtureOrder three_datasets(int64_t seed = 7) { return MixtureOrder({13, 5, 29}, {0.5f, 0.2f, 0.3f}, seed, 8); }

TEST(MixtureOrder, ResumingEqualsSkipping) {
  for (int64_t num_batches : {0, 1, 9, 40}) {
    MixtureOrder walked = three_datasets(), resumed = three_datasets();
    for (int64_t i = 0; i < num_batches; ++i) walked.next();
    resumed.skip(8 * num_batches);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(walked.next(), resumed.next());
  }
}

// A batch is a cut of one stream: after another batch size the run goes on with the example that is next.
TEST(MixtureOrder, BatchSizeDoesNotChangeTheOrder) {
  MixtureOrder eights = three_datasets(), threes({13, 5, 29}, {0.5f, 0.2f, 0.3f}, 7, 3);
  threes.skip(8);
  eights.next();
  std::vector<MixtureItem> expected = eights.next(), got;
  for (int i = 0; i < 3; ++i) {
    for (const MixtureItem& item : threes.next()) got.push_back(item);
  }
  got.resize(expected.size());
  EXPECT_EQ(got, expected);
}

TEST(MixtureOrder, EveryEpochVisitsEachExampleOnce) {
  MixtureOrder order = three_datasets();
  std::vector<MixtureItem> items;
  for (int i = 0; i < 40; ++i) {
    for (const MixtureItem& item : order.next()) items.push_back(item);
  }
  std::set<std::tuple<int64_t, int64_t, int64_t>> seen;
  for (const MixtureItem& item : items) EXPECT_TRUE(seen.insert({item.dataset, item.epoch, item.index}).second);
  for (int64_t index = 0; index < 13; ++index) EXPECT_TRUE(seen.contains({0, 1, index}));
}

TEST(MixtureOrder, RanksShareTheBatchWithoutOverlap) {
  const std::vector<MixtureItem> batch = three_datasets().next();
  for (int world_size : {1, 2, 4, 8}) {
    std::vector<MixtureItem> all;
    for (int rank = 0; rank < world_size; ++rank) {
      const std::vector<MixtureItem> share = rank_share(batch, rank, world_size);
      EXPECT_EQ(static_cast<int64_t>(share.size()),
                num_share_rows(static_cast<int64_t>(batch.size()), rank, world_size));
      all.insert(all.end(), share.begin(), share.end());
    }
    EXPECT_TRUE(std::is_permutation(all.begin(), all.end(), batch.begin(), batch.end()));
  }
}

TEST(MixtureOrder, WithoutShuffleTheFileOrderStays) {
  MixtureOrder order({5}, {}, 0, 4, /*shuffle=*/false);
  EXPECT_EQ(order.next()[3], (MixtureItem{0, 3, 0}));
  EXPECT_EQ(order.next()[1], (MixtureItem{0, 0, 1}));
}

TEST(RootSizeRates, FollowTheSquareRootWithinAGroup) {
  const std::vector<MixtureEntry> entries{{"a", "x", 100, {}}, {"b", "x", 400, {}}, {"c", "y", 999999, 4}};
  const std::vector<float> rates = root_size_rates(entries, {{"x", 0.75}, {"y", 0.25}});
  EXPECT_FLOAT_EQ(rates[0], 0.25f);
  EXPECT_FLOAT_EQ(rates[1], 0.5f);
  EXPECT_FLOAT_EQ(rates[2], 0.25f);
  EXPECT_THROW(root_size_rates(entries, {{"x", 0}, {"y", 0}}), Error);
  EXPECT_THROW(root_size_rates({{"a", "x", 0, {}}}, {}), Error);
}

TEST(ItemSeed, OutOfRangeIsAUserError) {
  EXPECT_EQ(item_seed(95818, 3098, 3994, 2), 106904u);
  EXPECT_THROW(item_seed(4294967295, 1, 10, 0), Error);
}

}  // namespace
}  // namespace molmo::data
