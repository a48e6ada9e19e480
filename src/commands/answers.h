// How `molmo generate` shows its answers: text, JSON lines, and drawings of points.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "commands/requests.h"
#include "molmo/molmo.h"

namespace molmo::commands {

/// Prints the answers of a run in order, numbered from 1 where the run has several requests.
class AnswerPrinter {
 public:
  struct Options {
    bool json = false, stream = false;  ///< stream: the text is printed as it comes, by the caller
    std::filesystem::path points;       ///< where points are drawn; empty: nowhere
    bool are_several = false;           ///< text has a line above each answer, drawings have numbers in their names
  };
  explicit AnswerPrinter(Options options) : options_(std::move(options)) {}

  /// Before the text of an answer is streamed.
  void begin(const Request& request);
  /// The next answer. `prompt` holds the pictures that the points are drawn on.
  void print(const Request& request, const Prompt& prompt, const Answer& answer);

 private:
  std::filesystem::path draw(const Request& request, const Prompt& prompt, const Answer& answer) const;

  Options options_;
  size_t num_begun_ = 0;
};

}  // namespace molmo::commands
