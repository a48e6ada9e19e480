// The released models and the quickstart model by name. A preset is a short function: what differs from the defaults.
// Facts: spec/model.md §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/molmo_config.h"

namespace molmo::config {

/// molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b.
std::vector<std::string> preset_names();

/// The configuration of a preset. Throws Error with the nearest name if there is none.
MolmoConfig preset(std::string_view name);

}  // namespace molmo::config
