// One of c10d's works under the watchdog's eye.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include "distributed/watchdog.h"

namespace molmo::distributed {

/// Registered before its collective starts, because starting may block: a group's first collective connects its ranks.
class WatchedWork {
 public:
  void set_work(c10::intrusive_ptr<c10d::Work> work);
  void set_over();  ///< it will not start, or has ended in another way

  /// May throw, or hang, as the driver does that the work asks.
  Watchdog::Progress progress();

 private:
  std::mutex mutex_;
  c10::intrusive_ptr<c10d::Work> work_;
  bool is_over_ = false;
};

/// Ends the process with code 75, without unwinding: the main thread may hang in the driver. What a watchdog is given.
[[noreturn]] void end_for_restart(const std::string& what, const std::string& reason);

}  // namespace molmo::distributed
