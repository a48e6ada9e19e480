// Learning rates and clip limits by step (golden/train/schedule.json).
// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/golden.h"
#include "train/groups.h"

namespace molmo::testing {
namespace {

config::OptimizerConfig schedule_config(const Json& c) {
  config::OptimizerConfig optimizer;
  optimizer.final_fraction = c.at("alpha_f").get<double>();
  optimizer.warmup_min_lr.reset();
  if (!c.at("warmup_min_lr").is_null()) optimizer.warmup_min_lr = c.at("warmup_min_lr").get<double>();
  if (!c.at("t_max").is_null()) optimizer.decay_steps = c.at("t_max").get<int64_t>();
  const Json& steps = c.at("grad_clip_warmup_steps");
  const Json& factor = c.at("grad_clip_warmup_factor");
  if (!steps.is_null() && !factor.is_null()) {
    optimizer.clip_warmup_steps = steps.get<int64_t>();
    optimizer.clip_warmup_factor = factor.get<double>();
  }
  return optimizer;
}

void compare_component(GoldenCase& golden, const Json& c, const config::OptimizerConfig& optimizer,
                       const config::ComponentConfig& component, const Json& expected) {
  std::vector<double> got, wanted;
  for (size_t i = 0; i < c.at("steps").size(); ++i) {
    got.push_back(
        train::learning_rate(optimizer, component, c.at("steps")[i].get<int64_t>(), c.at("max_steps").get<int64_t>()));
    wanted.push_back(expected[i].get<double>());
  }
  golden.expect_near("lr", got, wanted, 1e-300, 1e-14);
}

void compare_clip_limits(GoldenCase& golden, const Json& c, const config::OptimizerConfig& optimizer) {
  if (!c.contains("max_grad_norm")) return;
  for (size_t i = 0; i < c.at("steps").size(); ++i) {
    // The schedule's value at step s is what clips update s + 1.
    const int64_t step = c.at("steps")[i].get<int64_t>();
    if (step == 0) continue;
    golden.expect_near("clip limit", train::clip_limit(optimizer, 1.0, step + 1),
                       c.at("max_grad_norm")[i].get<double>(), 0.0, 1e-14);
  }
}

void run_schedule_case(const Json& c, GoldenCase& golden) {
  const std::string kind = c.at("kind").get<std::string>();
  if (kind != "multimodal" && kind != "cosine_with_warmup") return golden.skip("schedule " + kind);
  config::OptimizerConfig optimizer = schedule_config(c);
  if (kind == "cosine_with_warmup") {
    config::ComponentConfig component;
    component.learning_rate = c.at("peak").get<double>();
    component.warmup_steps = c.at("t_warmup").get<int64_t>();
    compare_component(golden, c, optimizer, component, c.at("lr"));
  } else {
    for (const Component which : train::kComponents) {
      const std::string name(train::component_name(which));
      config::ComponentConfig component;
      component.learning_rate = c.at("peak").at(name).get<double>();
      component.warmup_steps = c.at("warmup").at(name).get<int64_t>();
      compare_component(golden, c, optimizer, component, c.at("lr").at(name));
    }
  }
  compare_clip_limits(golden, c, optimizer);
}

}  // namespace

GOLDEN_PART(schedule) { run.run_list("schedule.json", run_schedule_case); }

}  // namespace molmo::testing
