// Any sizes over any number of ranks: every value has one place, and lies in one shard.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/shard_layout.h"

#include <gtest/gtest.h>

#include <numeric>

namespace molmo::distributed {
namespace {

TEST(ShardLayout, EveryValueLiesInOneShard) {
  const std::vector<std::vector<int64_t>> units = {{1}, {64}, {65}, {3, 200, 1, 0, 64}, {1000, 1}, {5, 5, 5, 5, 5},
                                                   {0}};
  for (const std::vector<int64_t>& sizes : units) {
    for (const int num_shards : {1, 2, 3, 7, 64}) {
      const ShardLayout layout(sizes, num_shards);
      for (size_t i = 0; i < sizes.size(); ++i) {
        int64_t next = 0;  // the parameter's first value that no shard has held yet
        for (int shard = 0; shard < num_shards; ++shard) {
          const ShardLayout::Range own = layout.in_shard(i, shard), values = layout.in_parameter(i, shard);
          ASSERT_EQ(own.size(), values.size());
          ASSERT_TRUE(own.begin >= 0 && own.end <= layout.shard_size());
          if (own.size() == 0) continue;
          EXPECT_EQ(values.begin, next);
          EXPECT_EQ(shard * layout.shard_size() + own.begin, layout.offset(i) + values.begin) << "another place";
          next = values.end;
        }
        EXPECT_EQ(next, sizes[i]) << "parameter " << i << " of " << sizes.size() << " over " << num_shards;
      }
    }
  }
}

TEST(ShardLayout, ParametersDoNotOverlapAndBeginAtCacheLines) {
  const ShardLayout layout({100, 1, 64, 7}, 3);
  EXPECT_EQ(layout.offset(0), 0);
  EXPECT_EQ(layout.offset(1), 128);
  EXPECT_EQ(layout.offset(2), 192);
  EXPECT_EQ(layout.offset(3), 256);
  EXPECT_EQ(layout.shard_size(), 128);
  EXPECT_EQ(layout.whole_size(), 384);
  EXPECT_EQ(layout.in_shard(3, 2), (ShardLayout::Range{0, 7}));
  EXPECT_EQ(layout.in_shard(2, 1), (ShardLayout::Range{64, 128}));
  EXPECT_EQ(layout.in_shard(0, 1), (ShardLayout::Range{0, 0}));
}

// Padding is what equal shards cost: less than a cache line for each parameter and each shard.
TEST(ShardLayout, PadsByLessThanALineEach) {
  const std::vector<int64_t> sizes = {3584 * 4608, 4608, 3584 * 3584, 3584 * 37888, 18944 * 3584, 3584, 3584};
  const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  for (const int num_shards : {1, 8, 60, 256}) {
    const int64_t whole = ShardLayout(sizes, num_shards).whole_size();
    EXPECT_GE(whole, sum);
    EXPECT_LT(whole, sum + 64 * (static_cast<int64_t>(sizes.size()) + num_shards + 1));
  }
}

}  // namespace
}  // namespace molmo::distributed
