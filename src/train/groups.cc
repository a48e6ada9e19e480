// SPDX-License-Identifier: Apache-2.0
#include "train/groups.h"

#include <algorithm>

#include "base/check.h"

namespace molmo::train {
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

bool is_trained(const ParamRole& role, const config::OptimizerConfig& optimizer) {
  if (!component_config(optimizer, role.component).train) return false;
  switch (optimizer.embedding) {
    case config::EmbeddingTraining::kAll:
      return true;
    case config::EmbeddingTraining::kLmHead:
      return role.place != ParamPlace::kEmbedding;
    case config::EmbeddingTraining::kLnF:
      return role.place != ParamPlace::kEmbedding && role.place != ParamPlace::kHead;
    case config::EmbeddingTraining::kWte:
      return role.place != ParamPlace::kFinalNorm && role.place != ParamPlace::kHead;
  }
  MOLMO_CHECK(false, "unknown embedding training");
}

void mark_trained(ParamSet& set, const config::OptimizerConfig& optimizer) {
  set.set_trained([&](const Parameter& param) { return is_trained(param.role, optimizer); });
}

std::vector<ParamGroup> make_groups(ParamSet& set, const config::OptimizerConfig& optimizer) {
  std::vector<ParamGroup> groups;
  for (const Component component : kComponents) {
    for (const bool decays : {true, false}) {
      ParamGroup group{.name = std::string(component_name(component)) + (decays ? "_decay" : "_no_decay"),
                       .component = component,
                       .weight_decay = decays ? component_config(optimizer, component).weight_decay : 0.0,
                       .params = {}};
      for (Parameter& entry : set.all()) {
        const bool belongs = entry.role.component == component && entry.role.decays == decays;
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
