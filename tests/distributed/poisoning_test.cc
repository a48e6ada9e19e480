// The communicator under which the other tests of this folder run finds what it is there to find.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/poisoning_communicator.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::run_poisoned_ranks;

TEST(Poisoning, LeavesCollectivesAsTheyAre) {
  const auto faults = run_poisoned_ranks(4, [](Communicator& everyone) {
    const Tensor shard = at::full({2}, everyone.rank() + 1.0, at::kDouble), whole = at::empty({8}, at::kDouble);
    everyone.all_gather(shard, whole, "x")->wait();
    EXPECT_TRUE(whole.equal(at::tensor({1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0}, at::kDouble)));
    everyone.reduce_scatter(whole, shard, "x")->wait();
    EXPECT_TRUE(shard.equal(at::full({2}, 4.0 * (everyone.rank() + 1), at::kDouble)));
    everyone.all_reduce(shard, "x")->wait();
    EXPECT_TRUE(shard.equal(at::full({2}, 40.0, at::kDouble)));
    const bool is_first = everyone.rank() < 2;
    const auto pair = everyone.subgroup("pair", is_first ? std::vector{0, 1} : std::vector{2, 3}, at::kCPU);
    EXPECT_EQ(pair->gather_texts("a", "names").size(), 2u);
    everyone.all_gather(at::empty({0}), at::empty({0}), "nothing")->wait();
  });
  EXPECT_THAT(faults, IsEmpty());
}

TEST(Poisoning, AResultIsNotThereBeforeTheWait) {
  run_poisoned_ranks(2, [](Communicator& everyone) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kLong, at::kByte}) {
      const Tensor shard = at::ones({4}, type), whole = at::ones({8}, type), sum = at::ones({4}, type);
      const auto gathering = everyone.all_gather(shard, whole, "x");
      const auto summing = everyone.all_reduce(sum, "y");
      EXPECT_FALSE(whole.eq(1).any().item<bool>()) << type;
      EXPECT_FALSE(sum.eq(1).any().item<bool>() || sum.eq(2).any().item<bool>()) << type;
      gathering->wait();
      summing->wait();
      EXPECT_TRUE(whole.eq(1).all().item<bool>() && sum.eq(2).all().item<bool>()) << type;
    }
  });
}

// Of one rank: every fault is found where it is made.
std::vector<std::string> faults_of(const std::function<void(Communicator& everyone)>& body) {
  return run_poisoned_ranks(1, body);
}

TEST(Poisoning, FindsInputsThatChange) {
  EXPECT_THAT(faults_of([](Communicator& everyone) {
                const Tensor shard = at::ones({2}), whole = at::empty({2});
                const auto pending = everyone.all_gather(shard, whole, "weights");
                shard.add_(1);
                pending->wait();
              }),
              ElementsAre("rank 0: all-gather of weights (2 values of Float) in everyone: its input has changed before "
                          "the wait"));
}

TEST(Poisoning, FindsResultsThatAreWritten) {
  EXPECT_THAT(faults_of([](Communicator& everyone) {
                const Tensor whole = at::ones({2}), shard = at::empty({2});
                const auto pending = everyone.reduce_scatter(whole, shard, "weights");
                shard.zero_();
                pending->wait();
                const Tensor values = at::ones({2});
                const auto sum = everyone.all_reduce(values, "the loss");
                values.mul_(0.5);  // NaN times a half is NaN: nothing to see, so the test's own value must do
                sum->wait();
                EXPECT_TRUE(values.equal(at::ones({2})));
              }),
              ElementsAre("rank 0: reduce-scatter of weights (2 values of Float) in everyone: its result has been "
                          "written before the wait"));
}

TEST(Poisoning, FindsWhatNobodyWaitsFor) {
  EXPECT_THAT(faults_of([](Communicator& everyone) { everyone.all_reduce(at::ones({2}), "the loss"); }),
              ElementsAre("rank 0: all-reduce of the loss (2 values of Float) in everyone: not waited for"));
}

TEST(Poisoning, FindsRanksOfAnotherOrder) {
  EXPECT_THAT(run_poisoned_ranks(2,
                                 [](Communicator& everyone) {
                                   const bool is_first = everyone.rank() == 0;
                                   const Tensor a = at::ones({2}), b = at::ones({2});
                                   const auto one = everyone.all_reduce(a, is_first ? "a" : "b");
                                   const auto other = everyone.all_reduce(b, is_first ? "b" : "a");
                                   one->wait();
                                   other->wait();
                                 }),
              ElementsAre("rank 1: collective 0 is all-reduce of b (2 values of Float) in everyone, that of rank 0 is "
                          "all-reduce of a (2 values of Float) in everyone"));
  EXPECT_THAT(
      run_poisoned_ranks(2,
                         [](Communicator& everyone) {
                           const auto own = everyone.subgroup("own", {everyone.rank()}, at::kCPU);
                           if (everyone.rank() == 0) own->meet("alone");
                         }),
      ElementsAre("rank 1: collective 0 is none, that of rank 0 is all-reduce of alone (1 values of Double) in own"));
}

}  // namespace
}  // namespace molmo::distributed
