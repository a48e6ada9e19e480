// Times out collectives that run on a GPU. They are enqueued on a stream and return immediately, so no thread of the
// program waits in one and could notice that it never ends.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace molmo::distributed {

class Watchdog {
 public:
  /// State of a collective. Asking may throw: it has failed. It may also hang, as drivers do when a device is lost,
  /// which is why deadlines are checked by a thread of their own.
  enum class Progress { kRunning, kDone, kFailed };
  using Ask = std::function<Progress()>;

  /// `give_up(what, reason)` is called, on a thread of the watchdog, for the first collective that fails or is late; it
  /// does not return in a program. `prepare` runs first on the thread that asks: CUDA puts a new thread on device 0.
  using GiveUp = std::function<void(const std::string& what, const std::string& reason)>;
  explicit Watchdog(GiveUp give_up, std::function<void()> prepare = {});
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Any thread may call it.
  void watch(std::string what, Ask ask, std::chrono::steady_clock::time_point deadline);

 private:
  struct Entry {
    std::string what;
    Ask ask;
    std::chrono::steady_clock::time_point deadline;
  };
  void ask_all(const std::stop_token& stop);
  void look_at_deadlines(const std::stop_token& stop);
  void give_up(const Entry& entry, const std::string& reason);

  GiveUp give_up_;
  std::mutex mutex_;  // guards entries_ and has_given_up_
  std::condition_variable_any wakes_;
  std::list<std::shared_ptr<const Entry>> entries_;
  bool has_given_up_ = false;
  std::jthread asker_, clock_;  // last: they stop before the rest goes
};

}  // namespace molmo::distributed
