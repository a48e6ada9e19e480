// SPDX-License-Identifier: Apache-2.0
#include "dist/watchdog.h"

namespace molmo::dist {
namespace {
constexpr std::chrono::milliseconds kInterval{200};
}  // namespace

Watchdog::Watchdog(GiveUp give_up)
    : give_up_(std::move(give_up)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Watchdog::~Watchdog() {
  thread_.request_stop();
  wakes_.notify_all();
}

void Watchdog::watch(std::string what, Ask ask, std::chrono::steady_clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({std::move(what), std::move(ask), deadline});
}

void Watchdog::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    wakes_.wait_for(lock, stop, kInterval, [] { return false; });
    const auto now = std::chrono::steady_clock::now();
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const Progress progress = entry->ask();
      if (progress == Progress::kRunning && now < entry->deadline) {
        ++entry;
        continue;
      }
      const Entry ended = std::move(*entry);
      entry = entries_.erase(entry);
      if (progress == Progress::kDone) continue;
      lock.unlock();
      give_up_(ended.what, progress == Progress::kFailed ? "failed" : "no answer in time");
      return;
    }
  }
}

}  // namespace molmo::dist
