// Ranks that ask a sharded model each for other passes, and for other numbers of them, get what the whole model gives.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/lockstep.h"

#include <gtest/gtest.h>

#include "base/stop_signals.h"
#include "model/molmo.h"
#include "model/tiny_config.h"
#include "support/poisoning_communicator.h"
#include "tensor/runtime.h"

namespace molmo::distributed {
namespace {

using testing::expect_sound_ranks;

// Pass `number` of a rank; every third has a picture.
model::ModelInputs inputs_of(int rank, int number) {
  const at::Generator generator = make_generator(static_cast<uint64_t>(100 * rank + number));
  model::ModelInputs inputs;
  inputs.input_ids = at::randint(3, 60, {1 + number % 2, 6 + rank}, generator, at::TensorOptions().dtype(at::kLong));
  if (number % 3 != 0) return inputs;
  inputs.patches = at::randn({1, 16, 12}, generator);
  inputs.crop_rows = at::zeros({1}, at::kLong);
  inputs.token_positions = at::arange(1, 5, at::kLong).unsqueeze(0);
  return inputs;
}

void answer_unevenly(int ranks, const std::function<int(int rank)>& num_passes) {
  expect_sound_ranks(ranks, [&](Communicator& everyone) {
    const config::ModelConfig config = testing::tiny_model_config();
    model::Molmo whole(config), molmo(config);
    whole.params().materialize(at::kCPU, 5);
    std::vector<int> all;
    for (int rank = 0; rank < ranks; ++rank) all.push_back(rank);
    const auto shard = everyone.subgroup("shard", all, at::kCPU),
               alone = everyone.subgroup("replicas", {everyone.rank()}, at::kCPU);
    ShardedParams sharded({&molmo.params()}, molmo.units(), {shard.get(), alone.get()}, {});
    for (const Parameter& param : whole.params().all()) sharded.store(param.name, param.value);
    Lockstep lockstep(sharded, everyone);
    const at::NoGradGuard no_grad;
    for (int i = 0; i < num_passes(everyone.rank()); ++i) {
      const model::ModelInputs inputs = inputs_of(everyone.rank(), i);
      const Tensor expected = whole.hidden_states(inputs, nullptr, {});
      const ScopedUnitRunner scope(lockstep);
      EXPECT_TRUE(molmo.hidden_states(inputs, nullptr, {}).equal(expected)) << everyone.rank() << ", pass " << i;
    }
    lockstep.finish();
    EXPECT_EQ(everyone.gather_texts(std::string(static_cast<size_t>(everyone.rank()), 'x'), "test").back(),
              std::string(static_cast<size_t>(ranks - 1), 'x'));
  });
}

TEST(Lockstep, ServesRanksThatAskForMore) {
  answer_unevenly(3, [](int rank) { return 1 + 3 * rank; });
  answer_unevenly(2, [](int rank) { return rank == 0 ? 4 : 0; });
  answer_unevenly(1, [](int) { return 2; });
}

// One rank is asked to stop in the middle of its passes: all leave at the same agreement, those that have finished too.
TEST(Lockstep, AllRanksLeaveWhenOneIsAskedToStop) {
  expect_sound_ranks(3, [](Communicator& everyone) {
    const config::ModelConfig config = testing::tiny_model_config();
    model::Molmo molmo(config);
    const auto shard = everyone.subgroup("shard", {0, 1, 2}, at::kCPU),
               alone = everyone.subgroup("replicas", {everyone.rank()}, at::kCPU);
    ShardedParams sharded({&molmo.params()}, molmo.units(), {shard.get(), alone.get()}, {});
    const int rank = everyone.rank();
    int num_passes = 0;
    Lockstep lockstep(sharded, everyone, [&] { return rank == 2 && num_passes == 2; });
    const at::NoGradGuard no_grad;
    const auto answer = [&] {
      const ScopedUnitRunner scope(lockstep);
      for (; num_passes < (rank == 0 ? 1 : 5); ++num_passes)
        molmo.hidden_states(inputs_of(rank, num_passes), nullptr, {});
      lockstep.finish();
    };
    EXPECT_THROW(answer(), Interruption) << "rank " << rank;
    EXPECT_EQ(everyone.gather_texts("x", "after it").size(), 3u);  // nobody is left behind in an agreement
  });
}

}  // namespace
}  // namespace molmo::distributed
