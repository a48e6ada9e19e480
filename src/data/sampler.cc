// SPDX-License-Identifier: Apache-2.0
#include "data/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/random.h"

namespace molmo::data {
namespace {

constexpr uint64_t kSplitSeed = 96817;

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

int64_t EvaluationOrder::num_padding() const {
  if (!pad_batches) return 0;
  const int64_t global_batch = batch_size * world_size;
  int64_t target = round_up(length, global_batch);
  if (max_steps) target = std::min(target, *max_steps * global_batch);
  return std::max<int64_t>(target - length, 0);
}

std::vector<std::vector<int64_t>> EvaluationOrder::batches(int rank) const {
  MOLMO_CHECK(length > 0 && batch_size > 0 && rank >= 0 && rank < world_size);
  const int64_t num_examples = length + num_padding();
  std::vector<int64_t> order(num_examples);
  std::iota(order.begin(), order.end(), int64_t{0});
  if (shuffle) order = torch_randperm(seed, num_examples);
  const int64_t total = drop_last ? num_examples / world_size * world_size : round_up(num_examples, world_size);
  std::vector<std::vector<int64_t>> out;
  int64_t taken = 0;
  for (int64_t i = rank; i < total; i += world_size) {
    if (taken++ % batch_size == 0) out.emplace_back();
    out.back().push_back(order[i % num_examples]);
  }
  return out;
}

RowSplit split_rows(int64_t num_rows, int64_t num_validation) {
  if (num_validation < 0 || num_validation > num_rows) {
    throw Error(fmt::format("[data] validation rows, got {} of {} rows", num_validation, num_rows));
  }
  const std::vector<int64_t> order = pcg64_permutation(kSplitSeed, num_rows);
  return {{order.begin() + num_validation, order.end()}, {order.begin(), order.begin() + num_validation}};
}

}  // namespace molmo::data
