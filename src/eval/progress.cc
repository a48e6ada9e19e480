// SPDX-License-Identifier: Apache-2.0
#include "eval/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "base/strings.h"

namespace molmo::eval {
namespace {
constexpr auto kRedrawInterval = std::chrono::milliseconds(200), kLogInterval = std::chrono::milliseconds(30'000);
}  // namespace

std::string format_progress(int64_t done, int64_t known, int64_t total, double seconds) {
  std::string text = fmt::format("{} of {} predictions ({} %)", done, total, 100 * done / std::max<int64_t>(total, 1));
  if (done == known || seconds <= 0) return text;
  const double rate = static_cast<double>(done - known) / seconds;
  text += fmt::format(", {:.1f} predictions/s", rate);
  if (done < total) text += ", ETA " + format_duration(static_cast<double>(total - done) / rate);
  return text;
}

Progress::Progress(int64_t total, bool is_shown)
    : total_(total), is_shown_(is_shown), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (is_open_) std::fputc('\n', stderr);
}

void Progress::know(int64_t count) {
  done_ += count;
  known_ += count;
}

void Progress::add(int64_t count) {
  done_ += count;
  show();
}

void Progress::show() {
  const Clock::time_point now = Clock::now();
  const Clock::duration interval = is_terminal_ ? kRedrawInterval : kLogInterval;
  if (!is_shown_ || (now - last_shown_ < interval && !(is_terminal_ && done_ == total_))) return;
  last_shown_ = now;
  const std::string text =
      "[eval] " + format_progress(done_, known_, total_, std::chrono::duration<double>(now - start_).count());
  if (!is_terminal_) return log_info(text);
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  is_open_ = true;
}

}  // namespace molmo::eval
