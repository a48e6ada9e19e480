// Which step has the best of a held-out score: what RUN/evaluations.jsonl says decides, so that a run which goes on
// knows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace molmo::train {

class BestScore {
 public:
  /// `key`: "NAME.SCORE". cross_entropy, z_loss and accuracy are those of a loss evaluator, other scores those of an
  /// evaluation. Of losses the smallest is the best, of all others the largest.
  explicit BestScore(const std::string& key);

  /// Takes a line of evaluations.jsonl, of whatever evaluation. Whether it is the best so far; of equal ones the first
  /// is.
  bool see(const Json& line);

  std::optional<int64_t> step() const { return step_; }

 private:
  std::string name_, score_;
  bool is_loss_;
  const char* kind_;
  bool has_warned_ = false;
  std::optional<int64_t> step_;
  double best_ = 0.0;
};

}  // namespace molmo::train
