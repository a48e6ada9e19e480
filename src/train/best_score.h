// Tracks which step has the best value of a held-out score. RUN/evaluations.jsonl is the record, so that a resumed run
// knows the scores of earlier steps.
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
  /// evaluation. Losses are better when smaller, all others when larger.
  explicit BestScore(const std::string& key);

  /// Takes a line of evaluations.jsonl, of any evaluation. Returns whether its score is the best so far; of equal
  /// scores the first one wins.
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
