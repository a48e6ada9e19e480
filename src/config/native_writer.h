// A configuration in the public code's field names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "config/molmo_config.h"

namespace molmo::config {

/// The native fields of a configuration; molmo_from_native() (native_config.h) of them gives the same configuration,
/// but for EOS and the tokenizer's file.
Json to_native(const MolmoConfig& molmo);

}  // namespace molmo::config
