// SPDX-License-Identifier: Apache-2.0
#include "distributed/watched_work.h"

#include <fmt/format.h>

#include "base/end_now.h"
#include "molmo/error.h"

namespace molmo::distributed {

void WatchedWork::set_work(c10::intrusive_ptr<c10d::Work> work) {
  const std::lock_guard lock(mutex_);
  work_ = std::move(work);
}

void WatchedWork::set_over() {
  const std::lock_guard lock(mutex_);
  is_over_ = true;
}

// Asks without the lock, which the thread that starts or ends the collective may want while the driver hangs.
Watchdog::Progress WatchedWork::progress() {
  c10::intrusive_ptr<c10d::Work> work;
  {
    const std::lock_guard lock(mutex_);
    if (is_over_) return Watchdog::Progress::kDone;
    work = work_;
  }
  if (!work || !work->isCompleted()) return Watchdog::Progress::kRunning;
  // Not isSuccess(): NCCL's throws, being deprecated.
  return work->exception() == nullptr ? Watchdog::Progress::kDone : Watchdog::Progress::kFailed;
}

void end_for_restart(const std::string& what, const std::string& reason) {
  end_now(Error(fmt::format("[dist] {}: {}; expected all ranks in time: restart with --resume auto", what, reason),
                ExitCode::kRestart));
}

}  // namespace molmo::distributed
