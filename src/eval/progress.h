// How far an evaluation is, on stderr: a line that is redrawn on a terminal, a line every half minute elsewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace molmo::eval {

/// "120 of 600 predictions (20 %), 12.3 predictions/s, ETA 39.0 s"; without a rate while nothing has been asked.
/// `known`: of `done`, those that an earlier run has left.
std::string format_progress(int64_t done, int64_t known, int64_t total, double seconds);

class Progress {
 public:
  /// Shows nothing where `is_shown` is false.
  Progress(int64_t total, bool is_shown);
  ~Progress();  ///< ends the line on a terminal
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void know(int64_t count);  ///< that an earlier run has left
  void add(int64_t count);   ///< asked now

 private:
  using Clock = std::chrono::steady_clock;

  void show();

  int64_t total_, done_ = 0, known_ = 0;
  bool is_shown_, is_terminal_, is_open_ = false;
  Clock::time_point start_ = Clock::now(), last_shown_ = start_;
};

}  // namespace molmo::eval
