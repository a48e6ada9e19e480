// SPDX-License-Identifier: Apache-2.0
#include "train/best_score.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace molmo::train {

BestScore::BestScore(const std::string& key)
    : name_(key.substr(0, key.find('.'))),
      score_(key.substr(key.find('.') + 1)),
      is_loss_(score_ == "cross_entropy" || score_ == "z_loss"),
      kind_(is_loss_ || score_ == "accuracy" ? "evaluator" : "evaluation") {}

bool BestScore::see(const Json& line) {
  if (!line.contains(kind_) || line.at(kind_) != name_) return false;
  const auto found = line.find(score_);
  if (found == line.end() || !found->is_number()) {
    std::vector<std::string> scores;
    for (const auto& [name, value] : line.items())
      if (value.is_number() && name != "step") scores.push_back(name);
    if (!std::exchange(has_warned_, true))
      log_warning(fmt::format("[train] keep_best: '{}' has no score '{}', got {}; no step is kept for it", name_,
                              score_, join_text(scores, ", ")));
    return false;
  }
  const auto value = found->get<double>();
  if (!std::isfinite(value) || (step_ && (is_loss_ ? value >= best_ : value <= best_))) return false;
  best_ = value;
  step_ = line.at("step").get<int64_t>();
  return true;
}

}  // namespace molmo::train
