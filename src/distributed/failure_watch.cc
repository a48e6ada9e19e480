// SPDX-License-Identifier: Apache-2.0
#include "distributed/failure_watch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace molmo::distributed {
namespace {
constexpr const char* kKey = "failure";
constexpr std::chrono::seconds kMostWait{2};  // for a poll in flight
}  // namespace

struct FailureWatch::State {
  c10::intrusive_ptr<c10d::Store> connection;
  GiveUp give_up;
  Pace pace;
  std::mutex mutex;  // guards the flags
  std::condition_variable wakes;
  bool is_stopped = false, has_ended = false;

  // Sleeps for `time`; true if the watch was stopped meanwhile.
  bool waits(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return wakes.wait_for(lock, time, [&] { return is_stopped; });
  }

  std::optional<std::string> look() const {
    try {
      if (!connection->check({kKey})) return std::nullopt;
      return connection->get_to_str(kKey);
    } catch (const std::exception&) {
      return "rank 0 has ended";
    }
  }

  void run() {
    while (!waits(pace.interval)) {
      const std::optional<std::string> reason = look();
      if (!reason) continue;
      if (!waits(pace.grace)) give_up(*reason);
      break;
    }
    const std::lock_guard lock(mutex);
    has_ended = true;
    wakes.notify_all();
  }
};

FailureWatch::FailureWatch(c10::intrusive_ptr<c10d::Store> connection, GiveUp give_up, Pace pace)
    : state_(std::make_shared<State>()) {
  state_->connection = std::move(connection);
  state_->give_up = std::move(give_up);
  state_->pace = pace;
  std::thread([state = state_] { state->run(); }).detach();
}

FailureWatch::~FailureWatch() {
  std::unique_lock lock(state_->mutex);
  state_->is_stopped = true;
  state_->wakes.notify_all();
  state_->wakes.wait_for(lock, kMostWait, [&] { return state_->has_ended; });
}

void FailureWatch::tell(c10d::Store& store, const std::string& reason) {
  try {
    store.compareSet(kKey, std::string(), reason);
  } catch (const std::exception&) {  // nobody can be told
  }
}

}  // namespace molmo::distributed
