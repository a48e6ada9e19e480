// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog.h"

namespace molmo::distributed {
namespace {
constexpr std::chrono::milliseconds kInterval{200};
}  // namespace

Watchdog::Watchdog(GiveUp give_up, std::function<void()> prepare)
    : give_up_(std::move(give_up)),
      asker_([this, prepare = std::move(prepare)](const std::stop_token& stop) {
        if (prepare) prepare();
        ask_all(stop);
      }),
      clock_([this](const std::stop_token& stop) { look_at_deadlines(stop); }) {}

Watchdog::~Watchdog() {
  asker_.request_stop();
  clock_.request_stop();
  wakes_.notify_all();
}

void Watchdog::watch(std::string what, Ask ask, std::chrono::steady_clock::time_point deadline) {
  auto entry = std::make_shared<const Entry>(Entry{std::move(what), std::move(ask), deadline});
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
}

void Watchdog::give_up(const Entry& entry, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (has_given_up_) return;
    has_given_up_ = true;
  }
  give_up_(entry.what, reason);
}

// Queries the collective without holding the lock: the driver may hang in the call.
void Watchdog::ask_all(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, stop, kInterval, [&] { return stop.stop_requested(); }) && !stop.stop_requested()) {
    const std::list<std::shared_ptr<const Entry>> entries = entries_;
    lock.unlock();
    std::list<std::shared_ptr<const Entry>> done;
    for (const auto& entry : entries) {
      Progress progress = Progress::kFailed;
      std::string reason = "failed";
      try {
        progress = entry->ask();
      } catch (const std::exception& error) {
        reason = std::string("failed: ") + error.what();
      }
      if (progress == Progress::kFailed) return give_up(*entry, reason);
      if (progress == Progress::kDone) done.push_back(entry);
    }
    lock.lock();
    for (const auto& entry : done) entries_.remove(entry);
  }
}

void Watchdog::look_at_deadlines(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, stop, kInterval, [&] { return stop.stop_requested(); }) && !stop.stop_requested()) {
    // One interval late, so that a collective that ended in time has been seen to end.
    const auto late = std::chrono::steady_clock::now() - kInterval;
    for (const auto& entry : entries_) {
      if (entry->deadline > late) continue;
      const std::shared_ptr<const Entry> ended = entry;
      lock.unlock();
      return give_up(*ended, "no answer in time");
    }
  }
}

}  // namespace molmo::distributed
