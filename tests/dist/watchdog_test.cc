// SPDX-License-Identifier: Apache-2.0
#include "dist/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace molmo::dist {
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

TEST(Watchdog, NamesWhatIsLateOrFails) {
  using Progress = Watchdog::Progress;
  EXPECT_EQ(verdict([] { return Progress::kRunning; }, Clock::now() + milliseconds(300)),
            "all-gather of x: no answer in time");
  EXPECT_EQ(verdict([] { return Progress::kFailed; }, Clock::now() + seconds(60)), "all-gather of x: failed");
  std::atomic<int> num_asked = 0;
  EXPECT_EQ(verdict([&] { return ++num_asked < 3 ? Progress::kRunning : Progress::kDone; }, Clock::now() + seconds(60)),
            "nothing");
  EXPECT_EQ(num_asked, 3);
}

}  // namespace
}  // namespace molmo::dist
