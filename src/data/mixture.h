// Which example comes next: an endless mixture of datasets whose order depends on the seed only, not on batch sizes,
// ranks or workers, and which can start at any example. Facts: spec/datasets.md §6, spec/training.md §4.2.
// Paper: [P App. B].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"

namespace molmo::data {

/// A dataset of a root-size mixture.
struct MixtureEntry {
  std::string name, group;
  int64_t length = 0;
  std::optional<int64_t> fixed_size = {};  ///< replaces the length in the rule
};

/// Rates by the square root of the sizes, normalised within each group, times the group's rate (absent: 1), over all
/// groups normalised to 1. One rate per entry, in their order. Errors: an empty dataset, rates that are all 0.
std::vector<float> root_size_rates(const std::vector<MixtureEntry>& entries,
                                   const std::map<std::string, double>& group_rates);

/// One example of the stream: the epoch counts the passes over its dataset.
struct MixtureItem {
  int64_t dataset = 0, index = 0, epoch = 0;
  bool operator==(const MixtureItem&) const = default;
};

/// The endless stream of global batches.
class MixtureOrder {
 public:
  /// `sizes` and `rates` by dataset; a single dataset draws no source. `seed` < 2^32. Without `shuffle` every epoch of
  /// a dataset is in file order.
  MixtureOrder(std::vector<int64_t> sizes, std::vector<float> rates, int64_t seed, int64_t global_batch_size,
               bool shuffle = true);

  /// The next global batch.
  std::vector<MixtureItem> next();
  /// Passes over `num_examples` without building their items.
  void skip(int64_t num_examples);

 private:
  /// The shuffled order of one epoch of a dataset; kept until the epoch changes.
  struct EpochOrder {
    int64_t epoch = -1;
    std::vector<int64_t> indices;
  };
  int64_t draw_dataset();
  int64_t shuffled(int64_t dataset, int64_t epoch, int64_t position);

  std::vector<int64_t> sizes_;
  std::vector<double> rates_;
  int64_t seed_, global_batch_size_;
  bool shuffle_;
  RandomState sources_;
  std::vector<int64_t> num_drawn_;  // by dataset, over all ranks
  std::vector<EpochOrder> orders_;
};

/// The examples of a global batch that rank `rank` of `world_size` works on: example i where (i + rank) mod W == 0.
std::vector<MixtureItem> rank_share(const std::vector<MixtureItem>& batch, int rank, int world_size);

/// The first of those places, and the distance between them is W.
int64_t first_share_row(int rank, int world_size);

/// How many those are: rank 0 has the most, and some ranks may have none.
int64_t num_share_rows(int64_t global_batch_size, int rank, int world_size);

/// Seed of an item's generator: seed + index + length * epoch. Error from 2^32 on.
uint32_t item_seed(int64_t seed, int64_t index, int64_t length, int64_t epoch);

/// Steps of the caption recipe: four epochs of `num_images` in batches of `global_batch_size`.
int64_t caption_steps(int64_t num_images, int64_t global_batch_size);

}  // namespace molmo::data
