// SPDX-License-Identifier: Apache-2.0
#include "distributed/shard_layout.h"

#include <algorithm>

#include "base/check.h"

namespace molmo::distributed {
namespace {

constexpr int64_t kAlignment = 64;  // values: whole cache lines, as matrix products like them

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

ShardLayout::ShardLayout(std::vector<int64_t> sizes, int num_shards)
    : sizes_(std::move(sizes)), num_shards_(num_shards) {
  MOLMO_CHECK(num_shards > 0, "a layout of no shards");
  int64_t end = 0;
  for (const int64_t size : sizes_) {
    offsets_.push_back(end);
    end += round_up(size, kAlignment);
  }
  shard_size_ = round_up((end + num_shards - 1) / num_shards, kAlignment);
}

ShardLayout::Range ShardLayout::in_shard(size_t index, int shard) const {
  const int64_t first = shard * shard_size_;
  const auto inside = [&](int64_t at) { return std::clamp<int64_t>(at - first, 0, shard_size_); };
  return {inside(offsets_[index]), inside(offsets_[index] + sizes_[index])};
}

ShardLayout::Range ShardLayout::in_parameter(size_t index, int shard) const {
  const int64_t begin = std::clamp<int64_t>(shard * shard_size_ - offsets_[index], 0, sizes_[index]);
  return {begin, begin + in_shard(index, shard).size()};
}

}  // namespace molmo::distributed
