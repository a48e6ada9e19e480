// Models by name: a language model on top of a vision tower. Each of both is a short function that says what differs
// from the defaults; another family is one more. Facts: spec/model.md §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/molmo_config.h"

namespace molmo::config {

/// The released models: molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b.
std::vector<std::string> preset_names();

/// The language models and the towers of which "LLM+TOWER" names a model, for example "qwen2-7b+siglip-so400m".
std::vector<std::string> decoder_names();
std::vector<std::string> tower_names();

/// EOS of the language model with this vocab_size, if one of those above has it.
std::optional<int64_t> known_eos(int vocab_size);

/// The configuration of a released model or of a pair. Throws Error with the nearest name if there is none.
MolmoConfig preset(std::string_view name);

}  // namespace molmo::config
