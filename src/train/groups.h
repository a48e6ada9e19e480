// Which parameters train, in which component, and with which decay. Facts: spec/training.md §1.2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/train_config.h"
#include "tensor/param_set.h"

namespace molmo::train {

inline constexpr std::array<Component, 3> kComponents = {Component::kConnector, Component::kVit, Component::kLlm};

std::string_view component_name(Component component);  ///< "connector", "vit", "llm"

/// Settings of one component.
const config::ComponentConfig& component_config(const config::OptimizerConfig& optimizer, Component component);

/// Whether a parameter trains, by the `train` and `embedding` settings.
bool is_trained(const ParamRole& role, const config::OptimizerConfig& optimizer);

/// Turns gradients on for exactly the parameters that train.
void mark_trained(ParamSet& set, const config::OptimizerConfig& optimizer);

/// Parameters that share learning rate, decay and clip limit.
struct ParamGroup {
  std::string name;  ///< "connector_decay", "connector_no_decay", "vit_decay", ...
  Component component;
  double weight_decay = 0.0;
  std::vector<Parameter*> params;  ///< sorted by name
};

/// The parameters that have gradients turned on, in groups in the fixed order connector, vit, llm (decay before
/// no_decay); empty ones are left out.
std::vector<ParamGroup> make_groups(ParamSet& set, const config::OptimizerConfig& optimizer);

}  // namespace molmo::train
