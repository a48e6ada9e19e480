// SPDX-License-Identifier: Apache-2.0
#include "train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "base/strings.h"

namespace molmo::train {
namespace {
constexpr int kBarWidth = 24;
constexpr auto kRedrawInterval = std::chrono::milliseconds(200);
}  // namespace

std::string format_eta(double seconds) {
  return seconds < 59.5 ? fmt::format("{:.0f} s", seconds) : format_duration(std::max(seconds, 60.0));
}

ProgressLine::ProgressLine(std::string label, int64_t done, int64_t total, int64_t log_every)
    : label_(std::move(label)),
      first_(done),
      total_(total),
      log_every_(log_every),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  if (is_open_) std::fputc('\n', stderr);
}

void ProgressLine::show(int64_t done, const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  const bool is_end = done >= total_ || done == first_ + 1;
  if (is_terminal_ ? now - shown_ < kRedrawInterval && !is_end : done % log_every_ != 0 && !is_end) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done - first_) / std::max(seconds, 1e-9);  // steps/s
  const std::string tail = fmt::format("{}/{}  {}  {:.2f} steps/s  ETA {}", done, total_, text, rate,
                                       format_eta(static_cast<double>(total_ - done) / std::max(rate, 1e-9)));
  if (!is_terminal_) return log_info(fmt::format("{} {}", label_, tail));
  const int filled = static_cast<int>(kBarWidth * done / std::max<int64_t>(total_, 1));
  std::fprintf(stderr, "\r\033[K%s [%s%s] %s", label_.c_str(), std::string(filled, '=').c_str(),
               std::string(kBarWidth - filled, ' ').c_str(), tail.c_str());
  std::fflush(stderr);
  is_open_ = true;
}

}  // namespace molmo::train
