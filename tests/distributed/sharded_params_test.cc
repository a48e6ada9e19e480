// What a rank holds and sends while units run: how many are gathered, when memory goes, what a micro-batch sends.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/sharded_params.h"

#include <gtest/gtest.h>

#include "nn/attention.h"
#include "support/counting_communicator.h"
#include "support/poisoning_communicator.h"
#include "tensor/kernels.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

using testing::CountingCommunicator;
using testing::expect_sound_ranks;

constexpr int64_t kWidth = 64;
constexpr int kUnits = 6;

// A chain of square maps, a unit each, which run under the runner of this thread.
struct Chain {
  Chain() {
    for (int i = 0; i < kUnits; ++i) {
      const ParamScope scope = ParamScope(params) / ("map" + std::to_string(i));
      weights.push_back(scope.add("weight", {kWidth, kWidth}, Init::normal(0.1), ParamKind::kMatrix));
      units.emplace_back(scope);
    }
    params.set_trained([](const Parameter&) { return true; });
  }

  Tensor run(Tensor x, const std::vector<int>& order) const {
    for (const int i : order) {
      const Param weight = weights[static_cast<size_t>(i)];
      x = run_unit(units[static_cast<size_t>(i)], x,
                   [weight](const Tensor& h) { return at::tanh(at::linear(h, weight.value())); });
    }
    return x;
  }
  Tensor run(const Tensor& x) const { return run(x, {0, 1, 2, 3, 4, 5}); }

  // Bytes of gathered weights.
  int64_t num_bytes() const {
    int64_t bytes = 0;
    for (const Param& weight : weights) bytes += static_cast<int64_t>(weight.value().storage().nbytes());
    return bytes;
  }

  ParamSet params;
  std::vector<Param> weights;
  std::vector<Unit> units;
};

// Looks around while a unit runs.
class Observer : public UnitRunner {
 public:
  Observer(ShardedParams& sharded, const Chain& chain) : sharded_(sharded), chain_(chain) {}

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override {
    return sharded_.run(unit, inputs, [this, name = unit.name, function](const TensorList& in) {
      ++num_calls[name];
      most_live = std::max(most_live, sharded_.num_live());
      most_bytes = std::max(most_bytes, chain_.num_bytes());
      return function(in);
    });
  }

  std::map<std::string, int> num_calls;
  int most_live = 0;
  int64_t most_bytes = 0;

 private:
  ShardedParams& sharded_;
  const Chain& chain_;
};

// A rank with the chain, sharded.
struct ShardedChain {
  explicit ShardedChain(Communicator& everyone, ShardOptions options = {})
      : alone(connect({}, {})),
        counted(everyone),
        sharded({&chain.params}, chain.units, {&counted, alone.get()}, options),
        observer(sharded, chain) {
    for (const Parameter& param : chain.params.all()) sharded.store(param.name, initial_value(param, 1));
  }

  void pass(bool is_last, const std::vector<int>& order = {0, 1, 2, 3, 4, 5}) {
    const ScopedUnitRunner scope(observer);
    sharded.begin_pass(is_last);
    chain.run(at::ones({3, kWidth}), order).sum().backward();
  }

  int num_reductions() const {
    int sum = 0;
    for (const auto& [name, count] : counted.num_reductions) sum += count;
    return sum;
  }

  Chain chain;
  std::unique_ptr<Communicator> alone;
  CountingCommunicator counted;
  ShardedParams sharded;
  Observer observer;
};

TEST(ShardedParams, HoldsAsManyUnitsAsItMay) {
  for (const int bound : {1, 2, 3}) {
    expect_sound_ranks(2, [&](Communicator& everyone) {
      ShardedChain rank(everyone, {.most_live = bound});
      for (int i = 0; i < 3; ++i) rank.pass(/*is_last=*/true);  // the first learns the order
      EXPECT_EQ(rank.observer.most_live, bound);
      EXPECT_LE(rank.observer.most_bytes, bound * (kWidth * kWidth + 2 * 64) * 4);
      EXPECT_EQ(rank.chain.num_bytes(), 0) << "after a backward";
      rank.sharded.finish_step();
      EXPECT_EQ(rank.sharded.num_live(), 0);
    });
  }
}

// A text after a picture: what was gathered ahead for the picture's units goes when the text's begin.
TEST(ShardedParams, LetsGoOfWhatItGatheredForAnotherPass) {
  expect_sound_ranks(2, [&](Communicator& everyone) {
    ShardedChain rank(everyone);
    for (int i = 0; i < 2; ++i) rank.pass(/*is_last=*/false);
    rank.observer.most_live = 0;
    rank.pass(/*is_last=*/false, {0, 4, 5});
    EXPECT_LE(rank.observer.most_live, 3);
    EXPECT_EQ(rank.chain.num_bytes(), 0);
    rank.pass(/*is_last=*/true, {0, 4, 5});
    EXPECT_EQ(rank.observer.most_live, 3) << "the shorter pass is learnt";
    rank.sharded.finish_step();
  });
}

TEST(ShardedParams, RunsAUnitAgainWhereItIsToBeRecomputed) {
  expect_sound_ranks(1, [&](Communicator& everyone) {
    ShardedChain rank(everyone, {.recomputes = [](const Unit& unit) { return unit.name != "map2"; }});
    rank.pass(/*is_last=*/true);
    for (const Unit& unit : rank.chain.units)
      EXPECT_EQ(rank.observer.num_calls[unit.name], unit.name == "map2" ? 1 : 2) << unit.name;
    rank.sharded.finish_step();
  });
}

// Kernels without a backward are faster for one row or one query, and round otherwise.
TEST(ShardedParams, RecomputesTheSameValues) {
  expect_sound_ranks(1, [&](Communicator& everyone) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      ShardedChain rank(everyone, {.recomputes = [](const Unit&) { return true; }});
      std::vector<Tensor> sums, heads;
      const auto run = [&](const Tensor& h) {
        const Tensor x = h.to(type);
        sums.push_back(tensor::linear(x, rank.chain.weights[0].value().to(type), Tensor()));
        const Tensor keys = sums.back().view({1, 2, 1, kWidth / 2}).expand({1, 2, 5, kWidth / 2});
        heads.push_back(
            nn::attend(x.view({1, 2, 1, kWidth / 2}), keys * at::arange(1, 6).view({5, 1}).to(type), keys, {}));
        return heads.back().to(at::kFloat);
      };
      const ScopedUnitRunner scope(rank.sharded);
      const Tensor x = initial_value(rank.chain.params.all()[1], 2).slice(0, 0, 1).clone().set_requires_grad(true);
      run_unit(rank.chain.units[0], x, run).sum().backward();
      ASSERT_EQ(sums.size(), 2u);
      EXPECT_TRUE(sums[0].equal(sums[1])) << type;
      EXPECT_TRUE(heads[0].equal(heads[1])) << type;
      rank.sharded.finish_step();
    }
  });
}

TEST(ShardedParams, SendsGradientsOnceAStepWhereItDefers) {
  for (const bool defers : {true, false}) {
    expect_sound_ranks(2, [&](Communicator& everyone) {
      ShardedChain rank(everyone, {.defers_reduction = defers});
      rank.pass(/*is_last=*/false);
      EXPECT_EQ(rank.num_reductions(), defers ? 0 : kUnits);
      rank.pass(/*is_last=*/true);
      rank.sharded.finish_step();
      EXPECT_EQ(rank.num_reductions(), defers ? kUnits : 2 * kUnits);
    });
  }
}

// All that a step takes, gradients and graphs among it, is given back.
TEST(ShardedParams, HoldsItsShardsAloneBetweenSteps) {
  expect_sound_ranks(1, [&](Communicator& everyone) {
    ShardedChain rank(everyone, {.recomputes = [](const Unit& unit) { return unit.name == "map1"; }});
    rank.pass(/*is_last=*/true);
    rank.sharded.finish_step();
    rank.sharded.clear_gradients();
    const tensor::MemoryMeter meter;
    for (int i = 0; i < 2; ++i) {
      for (const bool is_last : {false, true}) rank.pass(is_last);
      rank.sharded.finish_step();
      EXPECT_GT(meter.peak_bytes(), kUnits * kWidth * kWidth * 4) << "gradients at least";
      rank.sharded.clear_gradients();
      EXPECT_EQ(meter.live_bytes(), 0);
    }
  });
}

// A unit's input is there until its own backward, not until the whole graph's end.
TEST(ShardedParams, LetsGoOfInputsAsBackwardGoesOn) {
  expect_sound_ranks(1, [&](Communicator& everyone) {
    constexpr int64_t kRows = 4096;
    ShardedChain rank(everyone, {.recomputes = [](const Unit&) { return true; }, .most_live = 1});
    const tensor::MemoryMeter meter;
    std::vector<int64_t> live;  // while a unit runs again
    const ScopedUnitRunner scope(rank.observer);
    Tensor x = at::ones({kRows, kWidth}).set_requires_grad(true);
    for (const Unit& unit : rank.chain.units) {
      x = run_unit(unit, x, [&](const Tensor& h) {
        if (at::GradMode::is_enabled()) live.push_back(meter.live_bytes());
        return at::tanh(h);
      });
    }
    x.sum().backward();
    ASSERT_EQ(live.size(), kUnits);
    // From the last unit to the first an input fewer each; some of it is the gradient's.
    EXPECT_LE(live.back(), live.front() - (kUnits - 3) * kRows * kWidth * 4);
    rank.sharded.finish_step();
  });
}

// A parameter that has a gradient on one replica has the mean on all: else decay and moments would part them.
TEST(ShardedParams, ReplicasAgreeOnWhichParametersHaveGradients) {
  expect_sound_ranks(2, [&](Communicator& everyone) {
    Chain chain;
    const auto alone = connect({}, {});
    ShardedParams sharded({&chain.params}, chain.units, {alone.get(), &everyone}, {});
    for (const Parameter& param : chain.params.all()) sharded.store(param.name, initial_value(param, 1));
    for (int step = 0; step < 2; ++step) {
      {
        const ScopedUnitRunner scope(sharded);
        sharded.begin_pass(/*is_last=*/true);
        Tensor x = at::ones({3, kWidth}).set_requires_grad(true);
        for (int i = 0; i < kUnits; ++i) {
          const Param weight = chain.weights[static_cast<size_t>(i)];
          const bool is_used = i % 3 == 2 || everyone.rank() == i % 3;  // by replica 0, by replica 1, by both
          x = run_unit(chain.units[static_cast<size_t>(i)], x,
                       [&](const Tensor& h) { return is_used ? at::linear(h, weight.value()) : h * 1.0; });
        }
        x.sum().backward();
      }
      sharded.finish_step();
      for (const Parameter& slice : sharded.slices().all()) EXPECT_TRUE(slice.value.grad().defined()) << slice.name;
      sharded.clear_gradients();
    }
  });
}

TEST(ShardedParams, GathersWhatTheShardsHoldExactly) {
  expect_sound_ranks(2, [&](Communicator& everyone) {
    ShardedChain rank(everyone, {.compute = at::kBFloat16});
    int num_visited = 0;
    rank.sharded.gather([&](const std::string& name, const Tensor& value) {
      ++num_visited;
      EXPECT_TRUE(value.equal(initial_value(*rank.chain.params.find(name), 1))) << name;
    });
    EXPECT_EQ(num_visited, kUnits);
    for (const auto& [name, count] : rank.counted.num_gathers) EXPECT_EQ(count, 1) << name;
  });
}

}  // namespace
}  // namespace molmo::distributed
