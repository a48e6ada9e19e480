// SPDX-License-Identifier: Apache-2.0
#include "oracles/train/recipe.h"

#include <nlohmann/json.hpp>

namespace molmo::testing {

config::EmbeddingTraining golden_embedding_training(const std::string& name) {
  for (const auto& [value, known] : config::EnumNames<config::EmbeddingTraining>::values) {
    if (known == name) return value;
  }
  throw std::runtime_error("unknown ft_embedding " + name);
}

config::OptimizerConfig golden_optimizer(const Json& optimizer, const Json& scheduler, const Json& max_grad_norm,
                                         const Json& ft_embedding) {
  config::OptimizerConfig result;
  config::ComponentConfig* components[] = {&result.connector, &result.vit, &result.llm};
  for (size_t i = 0; i < 3; ++i) {
    components[i]->learning_rate = optimizer.at("learning_rate")[i].get<double>();
    components[i]->weight_decay = optimizer.at("weight_decay")[i].get<double>();
    components[i]->betas = {optimizer.at("betas")[i][0].get<double>(), optimizer.at("betas")[i][1].get<double>()};
    if (optimizer.contains("eps")) components[i]->eps = optimizer.at("eps")[i].get<double>();
    components[i]->warmup_steps = scheduler.at("warmup")[i].get<int64_t>();
    components[i]->max_grad_norm.reset();
    const Json& limit = max_grad_norm.is_array() ? max_grad_norm[i] : max_grad_norm;
    if (!limit.is_null()) components[i]->max_grad_norm = limit.get<double>();
  }
  result.final_fraction = scheduler.at("alpha_f").get<double>();
  result.warmup_min_lr.reset();
  if (!scheduler.at("warmup_min_lr").is_null()) result.warmup_min_lr = scheduler.at("warmup_min_lr").get<double>();
  const auto is_given = [&](const char* key) { return scheduler.contains(key) && !scheduler.at(key).is_null(); };
  if (is_given("t_max")) result.decay_steps = scheduler.at("t_max").get<int64_t>();
  if (is_given("grad_clip_warmup_steps") && is_given("grad_clip_warmup_factor")) {
    result.clip_warmup_steps = scheduler.at("grad_clip_warmup_steps").get<int64_t>();
    result.clip_warmup_factor = scheduler.at("grad_clip_warmup_factor").get<double>();
  }
  result.embedding = golden_embedding_training(ft_embedding.get<std::string>());
  return result;
}

}  // namespace molmo::testing
