// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace molmo::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds, std::chrono::seconds;

// What a watchdog said of one collective, or "nothing" within two seconds.
std::string verdict(const Watchdog::Ask& ask, Clock::time_point deadline) {
  std::promise<std::string> said;
  std::future<std::string> heard = said.get_future();
  Watchdog dog([&](const std::string& what, const std::string& reason) { said.set_value(what + ": " + reason); });
  dog.watch("all-gather of x", ask, deadline);
  return heard.wait_for(seconds(2)) == std::future_status::ready ? heard.get() : "nothing";
}

using Progress = Watchdog::Progress;

TEST(Watchdog, NamesWhatIsLateOrFails) {
  EXPECT_EQ(verdict([] { return Progress::kRunning; }, Clock::now() + milliseconds(300)),
            "all-gather of x: no answer in time");
  EXPECT_EQ(verdict([] { return Progress::kFailed; }, Clock::now() + seconds(60)), "all-gather of x: failed");
  std::atomic<int> num_asked = 0;
  EXPECT_EQ(verdict([&] { return ++num_asked < 3 ? Progress::kRunning : Progress::kDone; }, Clock::now() + seconds(60)),
            "nothing");
  EXPECT_EQ(num_asked, 3);
}

// As a device that has been lost answers.
TEST(Watchdog, TakesAnExceptionForAFailure) {
  const auto ask = []() -> Progress { throw std::runtime_error("CUDA error: unspecified launch failure"); };
  EXPECT_EQ(verdict(ask, Clock::now() + seconds(60)),
            "all-gather of x: failed: CUDA error: unspecified launch failure");
}

// As a driver may, while another thread waits in it.
TEST(Watchdog, NoticesTheTimeWhileAQuestionHangs) {
  std::promise<void> driver;
  const std::shared_future<void> answer = driver.get_future().share();
  std::promise<std::string> said;
  {
    Watchdog dog([&](const std::string& what, const std::string& reason) {
      said.set_value(what + ": " + reason);
      driver.set_value();
    });
    const auto ask = [answer] {
      answer.wait();
      return Progress::kRunning;
    };
    dog.watch("all-gather of x", ask, Clock::now() + milliseconds(300));
    EXPECT_EQ(said.get_future().get(), "all-gather of x: no answer in time");
  }
}

TEST(Watchdog, AsksOnAThreadThatIsPrepared) {
  std::promise<std::thread::id> prepared, asked;
  bool is_first = true;
  Watchdog dog([](const std::string&, const std::string&) {}, [&] { prepared.set_value(std::this_thread::get_id()); });
  dog.watch(
      "all-gather of x",
      [&] {
        if (std::exchange(is_first, false)) asked.set_value(std::this_thread::get_id());
        return Progress::kDone;
      },
      Clock::now() + seconds(60));
  EXPECT_EQ(prepared.get_future().get(), asked.get_future().get());
}

// The run's thread, autograd's and the saver's. A lock that is missing loses some; ThreadSanitizer says so, too.
TEST(Watchdog, IsToldByManyThreads) {
  constexpr int kThreads = 8, kEach = 2000;
  std::atomic<int> num_asked = 0;
  Watchdog dog([](const std::string& what, const std::string&) { ADD_FAILURE() << what; });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kEach; ++k) {
        dog.watch(
            "x", [&] { return ++num_asked, Progress::kDone; }, Clock::now() + seconds(60));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto until = Clock::now() + seconds(10);
  while (num_asked < kThreads * kEach && Clock::now() < until) std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(num_asked, kThreads * kEach);
}

}  // namespace
}  // namespace molmo::distributed
