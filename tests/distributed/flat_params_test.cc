// One unit's parameters on a group of one rank that notes what is waited for.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/flat_params.h"

#include <gtest/gtest.h>

#include "support/poisoning_communicator.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

// What it sends arrives when it is waited for.
class LateGroup : public Communicator {
 public:
  LateGroup() : Communicator(0, 1) {}

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view) override {
    return copy_later(shard, whole);
  }
  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view) override {
    return copy_later(whole, shard);
  }
  std::unique_ptr<Pending> all_reduce(const Tensor& values, std::string_view) override {
    return copy_later(values, values);
  }
  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>&, at::Device,
                                         std::optional<std::chrono::seconds>) override {
    return std::make_unique<LateGroup>();
  }

  int num_sent = 0, num_arrived = 0;

 private:
  struct Copy : Pending {
    Copy(Tensor source, Tensor target, int& count) : from(std::move(source)), to(std::move(target)), arrived(count) {}
    void wait() override {
      to.copy_(from);
      ++arrived;
    }
    Tensor from, to;
    int& arrived;
  };
  std::unique_ptr<Pending> copy_later(const Tensor& from, const Tensor& to) {
    ++num_sent;
    return std::make_unique<Copy>(from, to, num_arrived);
  }
};

// Two parameters of six and ten values.
struct Parts {
  ParamSet set;
  LateGroup group;
  std::unique_ptr<FlatParams> flat;

  Parts() : Parts(nullptr) {}
  explicit Parts(Communicator* shard) {
    set.add("a", {2, 3}, Init::zeros());
    set.add("b", {10}, Init::zeros());
    std::vector<Parameter*> params;
    for (Parameter& param : set.all()) params.push_back(&param);
    flat = std::make_unique<FlatParams>("unit", params, /*are_trained=*/true, at::kFloat, at::kFloat,
                                        Mesh{shard != nullptr ? shard : &group, &group});
    flat->store(0, 0, at::arange(6, at::kFloat));
    flat->store(1, 0, at::full({10}, 7.0f));
  }
};

// A rank that lets go of what has not come yet would be written to afterwards.
TEST(FlatParams, WhatIsOnItsWayArrivesBeforeItIsFreed) {
  Parts parts;
  for (int round = 1; round <= 2; ++round) {
    parts.flat->start_gather();
    EXPECT_EQ(parts.group.num_arrived, round - 1);
    parts.flat->free();
    EXPECT_EQ(parts.group.num_arrived, round);
  }
  parts.flat->finish_gather();
  EXPECT_TRUE(parts.flat->leaves()[0].equal(at::arange(6, at::kFloat).view({2, 3})));
}

TEST(FlatParams, AGradientIsThatOfItsStep) {
  Parts parts;
  parts.flat->finish_gather();
  parts.flat->reduce({at::ones({2, 3}), at::ones({10})}, /*defers=*/false);
  parts.flat->publish_gradients();
  for (const size_t i : {0, 1}) EXPECT_TRUE(parts.flat->slice(i).grad().equal(at::ones_like(parts.flat->slice(i))));
  parts.flat->clear_gradients();
  parts.flat->reduce({at::full({2, 3}, 2.0f), Tensor()}, /*defers=*/true);
  parts.flat->reduce({Tensor(), Tensor()}, /*defers=*/false);
  parts.flat->publish_gradients();
  EXPECT_TRUE(parts.flat->slice(0).grad().equal(at::full_like(parts.flat->slice(0), 2.0f)));
  EXPECT_FALSE(parts.flat->slice(1).grad().defined());
  EXPECT_EQ(parts.group.num_arrived, parts.group.num_sent);
}

// The buffer of a micro-batch's gradient is read until its reduction is over.
TEST(FlatParams, AReductionIsOverBeforeTheNextOneWritesItsBuffer) {
  testing::expect_sound_ranks(2, [](Communicator& everyone) {
    Parts parts(&everyone);
    parts.flat->finish_gather();
    for (const double value : {1.0, 2.0})
      parts.flat->reduce({at::full({2, 3}, value), at::full({10}, value)}, /*defers=*/false);
    parts.flat->publish_gradients();
    for (const size_t i : {0, 1}) {
      const Tensor& slice = parts.flat->slice(i);
      if (slice.numel() > 0) EXPECT_TRUE(slice.grad().equal(at::full_like(slice, 6.0f)));
    }
    parts.flat->free();
  });
}

}  // namespace
}  // namespace molmo::distributed
