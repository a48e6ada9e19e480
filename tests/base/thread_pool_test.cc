// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/error_of.h"

namespace molmo {
namespace {

TEST(ThreadPool, LoopCallsEachIndexOnce) {
  for (const size_t num_threads : {0u, 1u, 3u}) {
    ThreadPool pool(num_threads);
    EXPECT_EQ(pool.size(), num_threads);
    for (const size_t count : {0u, 1u, 2u, 1000u}) {
      std::vector<std::atomic<int>> calls(count);
      pool.parallel_for(count, [&](size_t i) { ++calls[i]; });
      for (const auto& number : calls) EXPECT_EQ(number, 1);
    }
  }
}

// What a loop wrote is there when it returns, without locks of the caller's.
TEST(ThreadPool, LoopHandsOverWhatItWrote) {
  ThreadPool pool(3);
  std::vector<int64_t> squares(300);
  for (int repeat = 0; repeat < 200; ++repeat) {
    pool.parallel_for(squares.size(), [&](size_t i) { squares[i] += static_cast<int64_t>(i); });
    EXPECT_EQ(std::accumulate(squares.begin(), squares.end(), int64_t{0}), (repeat + 1) * 299 * 300 / 2);
  }
}

TEST(ThreadPool, FirstExceptionEndsTheLoop) {
  ThreadPool pool(2);
  std::atomic<int> num_calls = 0;
  EXPECT_THROW(pool.parallel_for(1'000'000,
                                 [&](size_t i) {
                                   ++num_calls;
                                   if (i == 3) throw std::runtime_error("third");
                                 }),
               std::runtime_error);
  EXPECT_LT(num_calls, 1'000'000);
  pool.parallel_for(10, [&](size_t) { ++num_calls; });  // and the pool goes on
}

// The caller's frame, which the body may use, goes when the loop throws.
TEST(ThreadPool, AnErrorIsThrownWhenNobodyWorksAnyMore) {
  ThreadPool pool(1);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> num_running = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    EXPECT_THROW(pool.parallel_for(2,
                                   [&](size_t) {
                                     ++num_running;
                                     while (num_running < 2) std::this_thread::yield();  // two threads are inside
                                     if (std::this_thread::get_id() == caller) throw std::runtime_error("the caller's");
                                     std::this_thread::sleep_for(std::chrono::milliseconds(50));
                                     --num_running;
                                   }),
                 std::runtime_error);
    EXPECT_EQ(num_running, 1);  // the caller's own, which was not taken back
    num_running = 0;
  }
}

TEST(ThreadPool, LoopsInsideTasksOfTheSamePoolEnd) {
  ThreadPool pool(2);
  std::atomic<int> num_calls = 0;
  pool.parallel_for(8, [&](size_t) { pool.parallel_for(8, [&](size_t) { ++num_calls; }); });
  pool.submit([&] { pool.parallel_for(8, [&](size_t) { ++num_calls; }); }).get();
  EXPECT_EQ(num_calls, 72);
}

TEST(ThreadPool, TasksCarryTheirExceptionsAndAreFinishedAtTheEnd) {
  std::atomic<int> num_done = 0;
  std::future<void> failed;
  {
    ThreadPool pool(1);
    failed = pool.submit([] { throw std::runtime_error("no"); });
    for (int i = 0; i < 20; ++i) pool.submit([&] { ++num_done; });
  }
  EXPECT_THROW(failed.get(), std::runtime_error);
  EXPECT_EQ(num_done, 20);
}

// As on a node that limits a user's threads.
TEST(ThreadPool, ThreadsThatCannotBeStartedAreAnError) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{size_t{1} << 30, size_t{1} << 30};
    ::setrlimit(RLIMIT_AS, &limit);  // 8 MiB of stack each
    const std::string text = molmo::testing::error_of([] { ThreadPool pool(4000); });
    ::_exit(text.starts_with("[threads] cannot start thread ") && text.find(" of 4000: ") != text.npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which need more room than that for themselves
  EXPECT_EQ(status, 0);
#endif
}

TEST(ThreadPool, AtLeastOneThreadIsAvailable) { EXPECT_GE(num_available_threads(), 1u); }

}  // namespace
}  // namespace molmo
