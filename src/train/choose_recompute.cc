// SPDX-License-Identifier: Apache-2.0
#include "train/choose_recompute.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "train/step_memory.h"

namespace molmo::train {

const std::vector<config::RecomputeConfig>& recompute_choices() {
  static const std::vector<config::RecomputeConfig> choices = {{},
                                                               {.vit = 4},
                                                               {.vit = 2},
                                                               {.vit = 1},
                                                               {.vit = 1, .connector = true},
                                                               {.decoder = 8, .vit = 1, .connector = true},
                                                               {.decoder = 4, .vit = 1, .connector = true},
                                                               {.decoder = 3, .vit = 1, .connector = true},
                                                               {.decoder = 2, .vit = 1, .connector = true},
                                                               {.decoder = 1, .vit = 1, .connector = true}};
  return choices;
}

size_t choose_recompute(const config::TrainConfig& config, const std::vector<Unit>& units, int num_shards,
                        at::ScalarType compute, double available) {
  config::TrainConfig tried = config;
  size_t chosen = 0;
  for (; chosen + 1 < recompute_choices().size(); ++chosen) {
    tried.recompute = recompute_choices()[chosen];
    const StepMemory plan = plan_step(tried, units, num_shards, compute);
    if (plan.total() - plan.gradients <= kMostMemoryUse * available) break;
  }
  return chosen;
}

std::string recompute_text(const config::RecomputeConfig& recompute) {
  std::vector<std::string> parts;
  const auto add = [&](int every, const char* of) {
    if (every <= 0) return;
    const char* ending = every == 2 ? "nd" : every == 3 ? "rd" : "th";
    parts.push_back(every == 1 ? fmt::format("all blocks of the {}", of)
                               : fmt::format("every {}{} block of the {}", every, ending, of));
  };
  add(recompute.vit, "tower");
  if (recompute.connector) parts.emplace_back("the connector");
  add(recompute.decoder, "decoder");
  return parts.empty() ? "nothing" : join_text(parts, ", ");
}

}  // namespace molmo::train
