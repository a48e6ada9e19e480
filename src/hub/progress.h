// Progress of a download.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace molmo::hub {

/// "org/name: 3.0 GiB of 12.0 GiB (25 %), 100.0 MiB/s, 1:32 left". `total` 0: unknown.
std::string format_progress(const std::string& what, uint64_t done, uint64_t total, double bytes_per_second);

/// Logs it every few seconds. Bytes of an earlier run count as done, but not towards the speed.
class Progress {
 public:
  Progress(std::string what, uint64_t total) : what_(std::move(what)), total_(total) {}

  void found(uint64_t num_bytes);     ///< fetched by an earlier run
  void received(uint64_t num_bytes);  ///< fetched now
  void lost(uint64_t num_bytes);      ///< to be fetched again

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  uint64_t total_, done_ = 0, received_ = 0;
  std::mutex mutex_;
  Clock::time_point begin_ = Clock::now(), last_shown_ = begin_;
};

}  // namespace molmo::hub
