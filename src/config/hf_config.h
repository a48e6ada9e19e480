// Hugging Face's config.json of the released repositories. Facts: spec/model.md §4.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/molmo_config.h"

namespace molmo::config {

/// Reads the config.json of a released repository: Molmo-7B-D, 7B-O and 72B name the decoder only, the rest is wired
/// into the format; MolmoE-1B's holds the public code's native fields. `where` names the file in errors. EOS is
/// "eos_token_id" or else that of the released model with the same vocab_size. Every field that changes what a model
/// computes is honoured or refused (docs/models.md); `unknown` takes the names of fields that mean nothing here.
MolmoConfig from_hf_config(const Json& hf, const std::string& where, std::vector<std::string>* unknown = nullptr);

/// What keeps a model from being written as config.json, as "what the format has wired in -> ours":
/// "model.connector.vit_layers: [-2,-9] -> [-1,-3]". Settings that matter in training only (dropouts, initialisation)
/// do not, nor do prompts and the tokenizer.
std::vector<std::string> hf_obstacles(const MolmoConfig& molmo);

/// The config.json of a model, or nothing if there are obstacles.
std::optional<Json> to_hf_config(const MolmoConfig& molmo);

}  // namespace molmo::config
