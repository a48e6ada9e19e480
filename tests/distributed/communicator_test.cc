// SPDX-License-Identifier: Apache-2.0
#include "distributed/communicator.h"

#include <gtest/gtest.h>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "molmo/error.h"
#include "support/ranks.h"

namespace molmo::distributed {
namespace {

using testing::run_ranks;

TEST(Communicator, GathersScattersAndSums) {
  for (const int count : {1, 2, 3, 4}) {
    run_ranks(count, [&](Communicator& everyone) {
      const auto rank = static_cast<double>(everyone.rank());
      const Tensor whole = at::empty({count * 2}), part = at::empty({2});
      everyone.all_gather(at::full({2}, rank), whole, "test")->wait();
      EXPECT_TRUE(whole.equal(at::arange(count, at::kFloat).repeat_interleave(2)));
      everyone.reduce_scatter(at::arange(count * 2, at::kFloat) + rank, part, "test")->wait();
      const double of_ranks = count * (count - 1) / 2.0;
      EXPECT_TRUE(part.equal((at::arange(2, at::kFloat) + 2 * rank) * count + of_ranks));
      std::array<double, 2> values{rank, 1.0};
      everyone.sum(values, "test");
      EXPECT_EQ(values, (std::array<double, 2>{of_ranks, static_cast<double>(count)}));
    });
  }
}

TEST(Communicator, GathersBfloat16) {
  run_ranks(2, [](Communicator& everyone) {
    const Tensor whole = at::empty({2}, at::kBFloat16);
    everyone.all_gather(at::full({1}, everyone.rank() + 0.5, at::kBFloat16), whole, "test")->wait();
    EXPECT_TRUE(whole.equal(at::tensor({0.5, 1.5}).to(at::kBFloat16)));
  });
}

// Its memory may go, or be read, right afterwards.
TEST(Communicator, WhatIsDroppedHasArrived) {
  run_ranks(2, [](Communicator& everyone) {
    if (everyone.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const Tensor whole = at::full({2}, -1.0);
    everyone.all_gather(at::full({1}, static_cast<double>(everyone.rank())), whole, "test").reset();
    EXPECT_TRUE(whole.equal(at::arange(2, at::kFloat)));
    everyone.meet("the end");
  });
}

TEST(Communicator, FormsGroupsOfSomeRanks) {
  run_ranks(4, [](Communicator& everyone) {
    const int column = everyone.rank() % 2;
    const auto group = everyone.subgroup("columns", {column, column + 2}, at::kCPU);
    EXPECT_EQ(group->size(), 2);
    EXPECT_EQ(group->rank(), everyone.rank() / 2);
    std::array<double, 1> sum{static_cast<double>(everyone.rank())};
    group->sum(sum, "test");
    EXPECT_EQ(sum[0], 2 * column + 2);
  });
}

TEST(Communicator, NamesWhatWaitedForALostRank) {
  run_ranks(3,
            [](Communicator& everyone) {
              everyone.set_step(17);
              if (everyone.rank() == 2) return;  // is gone
              try {
                std::array<double, 1> sum{1.0};
                everyone.sum(sum, "the loss");
                ADD_FAILURE() << "no error";
              } catch (const Error& error) {
                const std::string text = error.what();
                EXPECT_TRUE(text.starts_with(
                    fmt::format("[dist] rank {} of 3: all-reduce of the loss at step 17: ", everyone.rank())))
                    << text;
                EXPECT_EQ(error.code(), ExitCode::kRestart);
              }
            },
            {.start = std::chrono::seconds(30), .step = std::chrono::seconds(2)});
}

// As torchrun does it: its agent listens, and keeps what the ranks of an earlier attempt have left.
TEST(Communicator, JoinsTheStoreOfAnAgent) {
  const int port = listen_on_loopback().port();
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = true;
  options.waitWorkers = false;
  const auto agent = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  for (const char* attempt : {"0", "1"}) {
    std::vector<std::thread> ranks;
    for (int i = 0; i < 2; ++i) {
      ranks.emplace_back([&, i] {
        const auto everyone = connect({.index = i,
                                       .count = 2,
                                       .local_index = i,
                                       .local_count = 2,
                                       .address = "127.0.0.1",
                                       .port = port,
                                       .agents_attempt = attempt},
                                      {.start = std::chrono::seconds(30), .step = std::chrono::seconds(30)});
        EXPECT_EQ(everyone->maximum(i, "test"), 1.0);
      });
    }
    for (std::thread& rank : ranks) rank.join();
  }
}

// Where nothing breaks off: a rank that is ending for minutes still has its connections, and NCCL would notice none.
TEST(CommunicatorDeathTest, DoesNotWaitForARankThatHasFailed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto body = [](Communicator& everyone) {
    if (everyone.rank() == 1) {
      everyone.tell_failure("[file] no space left\nand more");
      std::this_thread::sleep_for(std::chrono::seconds(60));
    }
    everyone.meet("test");
  };
  EXPECT_EXIT(run_ranks(2, body), ::testing::ExitedWithCode(75),
              "\\[dist\\] rank 0 of 2: rank 1 has failed: \\[file\\] no space left; expected all ranks");
}

// torchrun sets the first of them, and NCCL would then end the process before anything is said.
TEST(CommunicatorDeathTest, KeepsTheEndOfAProcessToItself) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto set_in_a_new_process = [] {
    ::setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "1", 1);
    run_ranks(2, [](Communicator&) {});
    for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_RETHROW_CUDA_ERRORS"}) {
      if (std::string(std::getenv(name)) != "0") ::_exit(1);
    }
    std::fputs("all are zero", stderr);
    ::_exit(0);
  };
  EXPECT_EXIT(set_in_a_new_process(), ::testing::ExitedWithCode(0), "all are zero");
}

TEST(Communicator, GathersTextsOfAnyLength) {
  run_ranks(3, [](Communicator& everyone) {
    const auto rank = static_cast<size_t>(everyone.rank());
    EXPECT_EQ(everyone.gather_texts(std::string(rank, 'x'), "test"), (std::vector<std::string>{"", "x", "xx"}));
    EXPECT_EQ(everyone.gather_texts("", "test"), std::vector<std::string>(3));
  });
}

}  // namespace
}  // namespace molmo::distributed
