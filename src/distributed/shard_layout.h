// Where the parameters of a unit lie in its flat array, and what of them each rank holds. A value: it needs neither
// ranks nor tensors, so that memory and checkpoints of any number of ranks can be planned anywhere.
//
//   parameters   | wq.weight | wq.bias | wo.weight     | padding |
//   shards       | shard 0       | shard 1       | shard 2       |
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace molmo::distributed {

class ShardLayout {
 public:
  /// `sizes`: values of each parameter. Parameters and shards begin at whole cache lines, and all shards have one size.
  ShardLayout(std::vector<int64_t> sizes, int num_shards);

  int num_shards() const { return num_shards_; }
  int64_t shard_size() const { return shard_size_; }                ///< values, padding included
  int64_t whole_size() const { return num_shards_ * shard_size_; }  ///< of the flat array
  int64_t offset(size_t index) const { return offsets_[index]; }    ///< of a parameter in it
  int64_t size(size_t index) const { return sizes_[index]; }

  struct Range {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
    bool operator==(const Range&) const = default;
  };
  /// What a shard holds of a parameter, counted from the shard's begin; possibly nothing.
  Range in_shard(size_t index, int shard) const;
  /// The same, counted from the parameter's begin.
  Range in_parameter(size_t index, int shard) const;

 private:
  std::vector<int64_t> sizes_, offsets_;
  int num_shards_;
  int64_t shard_size_;
};

}  // namespace molmo::distributed
