// SPDX-License-Identifier: Apache-2.0
#include "data/mixture.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/check.h"

namespace molmo::data {
namespace {

constexpr int64_t kEpochSeedStep = 1771;
constexpr int64_t kCaptionEpochs = 4;

uint32_t checked_seed(int64_t seed) {
  if (seed >= 0 && seed <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(seed);
  throw Error(
      fmt::format("[data] seed of the generator, got {}, expected less than 2^32: choose a smaller data.seed", seed));
}

double root_size(const MixtureEntry& entry) {
  if (entry.length <= 0) throw Error(fmt::format("[data] dataset '{}' has no examples", entry.name));
  return std::sqrt(static_cast<double>(entry.fixed_size.value_or(entry.length)));
}

}  // namespace

std::vector<float> root_size_rates(const std::vector<MixtureEntry>& entries,
                                   const std::map<std::string, double>& group_rates) {
  std::map<std::string, double> group_roots;
  for (const MixtureEntry& entry : entries) group_roots[entry.group] += root_size(entry);
  double total = 0.0;
  std::vector<double> rates;
  for (const MixtureEntry& entry : entries) {
    const auto found = group_rates.find(entry.group);
    const double group_rate = found == group_rates.end() ? 1.0 : found->second;
    rates.push_back(group_rate * root_size(entry) / group_roots.at(entry.group));
    total += rates.back();
  }
  if (!(total > 0.0)) throw Error("[data] the rates of all groups are 0");
  std::vector<float> out;
  for (double rate : rates) out.push_back(static_cast<float>(rate / total));
  return out;
}

MixtureOrder::MixtureOrder(std::vector<int64_t> sizes, std::vector<float> rates, int64_t seed,
                           int64_t global_batch_size, bool shuffle)
    : sizes_(std::move(sizes)),
      rates_(rates.begin(), rates.end()),
      seed_(seed),
      global_batch_size_(global_batch_size),
      shuffle_(shuffle),
      sources_(checked_seed(seed)),
      num_drawn_(sizes_.size(), 0),
      orders_(sizes_.size()) {
  MOLMO_CHECK(!sizes_.empty() && global_batch_size > 0);
  MOLMO_CHECK(sizes_.size() == 1 || rates_.size() == sizes_.size());
  for (int64_t size : sizes_) MOLMO_CHECK(size > 0, "empty dataset in a mixture");
}

int64_t MixtureOrder::draw_dataset() { return sizes_.size() == 1 ? 0 : static_cast<int64_t>(sources_.choice(rates_)); }

int64_t MixtureOrder::shuffled(int64_t dataset, int64_t epoch, int64_t position) {
  EpochOrder& order = orders_[dataset];
  if (order.epoch != epoch) {
    // PARITY: the seed does not depend on the dataset; datasets of one length share their order.
    order = {epoch, RandomState(checked_seed(seed_ + kEpochSeedStep * epoch)).permutation(sizes_[dataset])};
  }
  return order.indices[position];
}

std::vector<MixtureItem> MixtureOrder::next() {
  std::vector<MixtureItem> batch(global_batch_size_);
  for (MixtureItem& item : batch) {
    item.dataset = draw_dataset();
    const int64_t drawn = num_drawn_[item.dataset]++, size = sizes_[item.dataset];
    item.epoch = drawn / size;
    item.index = shuffle_ ? shuffled(item.dataset, item.epoch, drawn % size) : drawn % size;
  }
  return batch;
}

void MixtureOrder::skip(int64_t num_examples) {
  MOLMO_CHECK(num_examples >= 0);
  for (int64_t i = 0; i < num_examples; ++i) ++num_drawn_[draw_dataset()];
}

std::vector<MixtureItem> rank_share(const std::vector<MixtureItem>& batch, int rank, int world_size) {
  MOLMO_CHECK(rank >= 0 && rank < world_size);
  std::vector<MixtureItem> share;
  for (auto i = static_cast<size_t>(first_share_row(rank, world_size)); i < batch.size(); i += world_size)
    share.push_back(batch[i]);
  return share;
}

int64_t first_share_row(int rank, int world_size) { return (world_size - rank) % world_size; }

int64_t num_share_rows(int64_t global_batch_size, int rank, int world_size) {
  const int64_t first = first_share_row(rank, world_size);
  return first < global_batch_size ? (global_batch_size - 1 - first) / world_size + 1 : 0;
}

uint32_t item_seed(int64_t seed, int64_t index, int64_t length, int64_t epoch) {
  return checked_seed(seed + index + length * epoch);
}

int64_t caption_steps(int64_t num_images, int64_t global_batch_size) {
  return kCaptionEpochs * (num_images + global_batch_size - 1) / global_batch_size;
}

}  // namespace molmo::data
