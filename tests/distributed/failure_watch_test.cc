// SPDX-License-Identifier: Apache-2.0
#include "distributed/failure_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace molmo::distributed {
namespace {

using std::chrono::milliseconds;

constexpr FailureWatch::Pace kPace{.interval = milliseconds(10), .grace = milliseconds(200)};

c10::intrusive_ptr<c10d::TCPStore> open_store() {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  return c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
}

// What a watch says within two seconds of what `happens`.
std::string heard_after(const std::function<void(c10::intrusive_ptr<c10d::TCPStore>& store)>& happens) {
  auto store = open_store();
  std::promise<std::string> said;
  std::future<std::string> heard = said.get_future();
  FailureWatch watch(
      store->clone(), [&](const std::string& reason) { said.set_value(reason); }, kPace);
  happens(store);
  return heard.wait_for(std::chrono::seconds(2)) == std::future_status::ready ? heard.get() : "nothing";
}

TEST(FailureWatch, HearsWhoHasFailedFirst) {
  const auto failure = [](auto& store) {
    FailureWatch::tell(*store, "rank 3 has failed: [file] no space");
    FailureWatch::tell(*store, "rank 4 has failed: it missed rank 3");
  };
  EXPECT_EQ(heard_after(failure), "rank 3 has failed: [file] no space");
}

TEST(FailureWatch, HearsThatTheStoreIsGone) {
  EXPECT_EQ(heard_after([](auto& store) { store.reset(); }), "rank 0 has ended");
}

TEST(FailureWatch, SaysNothingOfARunThatGoesOn) {
  EXPECT_EQ(heard_after([](auto&) {}), "nothing");
}

// Most failures end all ranks, each with its own words: there is time for that.
TEST(FailureWatch, LeavesARankThatEndsByItselfAlone) {
  const auto store = open_store();
  std::atomic<bool> has_given_up = false;
  {
    FailureWatch watch(
        store->clone(), [&](const std::string&) { has_given_up = true; }, kPace);
    FailureWatch::tell(*store, "rank 1 has failed");
    std::this_thread::sleep_for(milliseconds(60));
  }
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_FALSE(has_given_up);
}

}  // namespace
}  // namespace molmo::distributed
