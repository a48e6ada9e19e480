// The progress line of a run on stderr: a bar with rate and ETA on a terminal, plain lines elsewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace molmo::train {

/// What is left: "0 s", "55 s", "1:02", "1:02:03".
std::string format_eta(double seconds);

class ProgressLine {
 public:
  /// `total` steps of which `done` were made before; plain lines appear for the first of the others, every `log_every`
  /// steps, and for the last.
  ProgressLine(std::string label, int64_t done, int64_t total, int64_t log_every);
  ~ProgressLine();  ///< ends the line on a terminal

  /// Shows step `done` with a short text such as "loss 2.31".
  void show(int64_t done, const std::string& text);

 private:
  std::string label_;
  int64_t first_, total_, log_every_;
  bool is_terminal_, is_open_ = false;
  std::chrono::steady_clock::time_point start_, shown_;
};

}  // namespace molmo::train
