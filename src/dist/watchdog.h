// Watches collectives that run on a device of their own, where waiting for one does not block the thread that could
// notice a time-out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace molmo::dist {

class Watchdog {
 public:
  /// What became of a collective.
  enum class Progress { kRunning, kDone, kFailed };
  using Ask = std::function<Progress()>;

  /// `give_up(what, reason)` is called on the watchdog's thread for the first collective that fails or is late; it does
  /// not return in a program.
  using GiveUp = std::function<void(const std::string& what, const std::string& reason)>;
  explicit Watchdog(GiveUp give_up);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void watch(std::string what, Ask ask, std::chrono::steady_clock::time_point deadline);

 private:
  struct Entry {
    std::string what;
    Ask ask;
    std::chrono::steady_clock::time_point deadline;
  };
  void run(const std::stop_token& stop);

  GiveUp give_up_;
  std::mutex mutex_;  // guards entries_
  std::condition_variable_any wakes_;
  std::list<Entry> entries_;
  std::jthread thread_;  // last: it stops before the rest goes
};

}  // namespace molmo::dist
