// SPDX-License-Identifier: Apache-2.0
#include "train/groups.h"

#include <algorithm>

#include "base/check.h"

namespace molmo::train {
namespace {

bool contains_any(std::string_view name, std::initializer_list<std::string_view> pieces) {
  return std::any_of(pieces.begin(), pieces.end(),
                     [&](std::string_view piece) { return name.find(piece) != std::string_view::npos; });
}

bool is_base_embedding(std::string_view name) {
  return contains_any(name, {"transformer.wte.embedding", "transformer.wte.weight"});
}
bool is_head(std::string_view name) { return name.find("transformer.ff_out.") != std::string_view::npos; }
bool is_final_norm(std::string_view name) { return name.find("transformer.ln_f.") != std::string_view::npos; }

}  // namespace

std::string_view component_name(Component component) {
  switch (component) {
    case Component::kConnector:
      return "connector";
    case Component::kVit:
      return "vit";
    case Component::kLlm:
      return "llm";
  }
  MOLMO_CHECK(false, "unknown component");
}

const config::ComponentConfig& component_config(const config::OptimizerConfig& optimizer, Component component) {
  switch (component) {
    case Component::kConnector:
      return optimizer.connector;
    case Component::kVit:
      return optimizer.vit;
    case Component::kLlm:
      return optimizer.llm;
  }
  MOLMO_CHECK(false, "unknown component");
}

Component component_of(std::string_view name) {
  // The order matters: tower names contain "transformer." too.
  // The tower's classifier trains at the connector's rate.
  if (contains_any(
          name, {"image_pooling_2d", "image_projector", "pad_embed", "transformer.wte.new_embedding", "tower_head."}))
    return Component::kConnector;
  if (contains_any(name, {"image_vit."})) return Component::kVit;
  return Component::kLlm;
}

bool has_weight_decay(std::string_view name) {
  return !contains_any(name, {"wte", "attn_norm", "ff_norm", "ln_f", "pre_ln", "attention_norm", "ffn_norm", "lambda1",
                              "lambda2", "positional_embedding", "class_embedding"});
}

bool is_trained(std::string_view name, const config::OptimizerConfig& optimizer) {
  if (!component_config(optimizer, component_of(name)).train) return false;
  switch (optimizer.embedding) {
    case config::EmbeddingTraining::kAll:
      return true;
    case config::EmbeddingTraining::kLmHead:
      return !is_base_embedding(name);
    case config::EmbeddingTraining::kLnF:
      return !is_base_embedding(name) && !is_head(name);
    case config::EmbeddingTraining::kWte:
      return !is_final_norm(name) && !is_head(name);
  }
  MOLMO_CHECK(false, "unknown embedding training");
}

std::vector<ParamGroup> make_groups(ParamSet& set, const config::OptimizerConfig& optimizer) {
  set.set_trained([&](const std::string& name) { return is_trained(name, optimizer); });
  std::vector<ParamGroup> groups;
  for (const Component component : kComponents) {
    for (const bool decays : {true, false}) {
      ParamGroup group{.name = std::string(component_name(component)) + (decays ? "_decay" : "_no_decay"),
                       .component = component,
                       .weight_decay = decays ? component_config(optimizer, component).weight_decay : 0.0,
                       .params = {}};
      for (Parameter& entry : set.all()) {
        const bool belongs = component_of(entry.name) == component && has_weight_decay(entry.name) == decays;
        if (belongs && entry.value.requires_grad()) group.params.push_back(&entry);
      }
      std::sort(group.params.begin(), group.params.end(),
                [](const Parameter* a, const Parameter* b) { return a->name < b->name; });
      if (!group.params.empty()) groups.push_back(std::move(group));
    }
  }
  return groups;
}

}  // namespace molmo::train
