// SPDX-License-Identifier: Apache-2.0
#include "hub/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace molmo::hub {
namespace {

constexpr auto kFirst = std::chrono::seconds(2), kEvery = std::chrono::seconds(15);

}  // namespace

std::string format_progress(const std::string& what, uint64_t done, uint64_t total, double bytes_per_second) {
  std::string text = fmt::format("{}: {}", what, format_bytes(static_cast<double>(done)));
  if (total > 0 && done <= total)
    text += fmt::format(" of {} ({} %)", format_bytes(static_cast<double>(total)), 100 * done / total);
  text += fmt::format(", {}/s", format_bytes(bytes_per_second));
  if (total > 0 && done <= total && bytes_per_second > 0)
    text += fmt::format(", {} left", format_duration(static_cast<double>(total - done) / bytes_per_second));
  return text;
}

void Progress::found(uint64_t num_bytes) {
  const std::lock_guard lock(mutex_);
  done_ += num_bytes;
}

void Progress::lost(uint64_t num_bytes) {
  const std::lock_guard lock(mutex_);
  done_ -= std::min(done_, num_bytes);
}

void Progress::received(uint64_t num_bytes) {
  const std::lock_guard lock(mutex_);
  done_ += num_bytes;
  received_ += num_bytes;
  const auto now = Clock::now();
  if (now - last_shown_ < (last_shown_ == begin_ ? kFirst : kEvery)) return;
  last_shown_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  log_info("[hub] " + format_progress(what_, done_, total_, static_cast<double>(received_) / seconds));
}

}  // namespace molmo::hub
