// Collectives that throw, hang or fail end the process with 75, and say which one it was.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/watched_work.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "molmo/error.h"

namespace molmo::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds, std::chrono::seconds;

// As a GPU's work: it is asked whether it has ended, and nobody waits in it.
class FakeWork : public c10d::Work {
 public:
  explicit FakeWork(std::function<bool()> answer, std::exception_ptr error = nullptr) : answer_(std::move(answer)) {
    exception_ = std::move(error);
  }
  bool isCompleted() override { return answer_(); }

 private:
  std::function<bool()> answer_;
};

bool throw_cuda_error() { throw std::runtime_error("CUDA error: unspecified launch failure"); }
bool hang() {
  std::this_thread::sleep_for(seconds(60));
  return false;
}

// The program's main thread: it has started the collective, and is in the driver.
void start_and_hang(const std::function<void(WatchedWork&)>& start, Clock::duration limit) {
  Watchdog dog(end_for_restart);
  const auto watched = std::make_shared<WatchedWork>();
  dog.watch(
      "rank 1 of 2: all-gather of blocks.3 at step 7", [watched] { return watched->progress(); }, Clock::now() + limit);
  start(*watched);
  std::this_thread::sleep_for(seconds(20));
  std::_Exit(1);  // nobody has ended it
}

void start_work(std::function<bool()> answer, Clock::duration limit, std::exception_ptr error = nullptr) {
  start_and_hang(
      [&](WatchedWork& watched) {
        watched.set_work(c10::make_intrusive<FakeWork>(std::move(answer), std::move(error)));
      },
      limit);
}

const auto kRestart = ::testing::ExitedWithCode(static_cast<int>(ExitCode::kRestart));

class WatchedWorkDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(WatchedWorkDeathTest, AWorkThatThrowsEndsTheProcess) {
  EXPECT_EXIT(start_work(throw_cuda_error, seconds(60)), kRestart,
              "all-gather of blocks.3 at step 7: failed: CUDA error: unspecified launch failure; expected all ranks in "
              "time: restart with --resume auto");
}

TEST_F(WatchedWorkDeathTest, AWorkThatFailsEndsTheProcess) {
  const auto error = std::make_exception_ptr(std::runtime_error("NCCL error: remote process exited"));
  EXPECT_EXIT(start_work([] { return true; }, seconds(60), error), kRestart,
              "all-gather of blocks.3 at step 7: failed");
}

TEST_F(WatchedWorkDeathTest, AWorkThatNeverEndsEndsTheProcessInTime) {
  EXPECT_EXIT(start_work([] { return false; }, milliseconds(500)), kRestart, "at step 7: no answer in time");
}

TEST_F(WatchedWorkDeathTest, AnAnswerThatNeverComesEndsTheProcessInTime) {
  EXPECT_EXIT(start_work(hang, milliseconds(500)), kRestart, "at step 7: no answer in time");
}

TEST_F(WatchedWorkDeathTest, AStartThatNeverReturnsEndsTheProcessInTime) {
  EXPECT_EXIT(start_and_hang([](WatchedWork&) { hang(); }, milliseconds(500)), kRestart,
              "at step 7: no answer in time");
}

// While the driver hangs in a question, the thread that runs the step still ends its collectives.
TEST(WatchedWork, IsEndedWhileItIsAsked) {
  WatchedWork watched;
  std::atomic<bool> is_asked = false, goes_on = false;
  watched.set_work(c10::make_intrusive<FakeWork>([&] {
    is_asked = true;
    while (!goes_on) std::this_thread::sleep_for(milliseconds(1));
    return false;
  }));
  std::jthread asker([&] { watched.progress(); });
  while (!is_asked) std::this_thread::sleep_for(milliseconds(1));
  watched.set_over();  // would wait for the answer, were it asked under the lock
  goes_on = true;
  asker.join();
  EXPECT_EQ(watched.progress(), Watchdog::Progress::kDone);
}

TEST(WatchedWork, EndsWell) {
  WatchedWork watched;
  EXPECT_EQ(watched.progress(), Watchdog::Progress::kRunning) << "not started";
  bool is_done = false;
  watched.set_work(c10::make_intrusive<FakeWork>([&] { return is_done; }));
  EXPECT_EQ(watched.progress(), Watchdog::Progress::kRunning);
  is_done = true;
  EXPECT_EQ(watched.progress(), Watchdog::Progress::kDone);
}

}  // namespace
}  // namespace molmo::distributed
