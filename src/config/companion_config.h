// The files beside a config.json that say how its model is used: generation_config.json, preprocessor_config.json and
// processor_config.json of the released repositories.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/json_fields.h"
#include "config/molmo_config.h"

namespace molmo::config {

/// The end token of "eos_token_id", an id or a list of them, of which `known` is taken if it is there, or else the
/// first. Nothing if the file has none.
std::optional<int64_t> read_end_token(const JsonFields& fields, std::optional<int64_t> known);

/// generation_config.json: its end token ends an answer. `passed_over` takes the fields that say how to sample, search
/// or stop: `generate` does that as its own options say.
void read_generation_config(const Json& json, const std::string& where, MolmoConfig& molmo,
                            std::vector<std::string>& passed_over);

/// preprocessor_config.json, or a processor_config.json with an "image_processor": number of crops, overlap and pixel
/// statistics are taken over. Errors: sizes that the model does not have; another resize, crop or scale than Molmo's.
/// `unknown` takes the names of fields that mean nothing here.
void read_processor_config(const Json& json, const std::string& where, MolmoConfig& molmo,
                           std::vector<std::string>& unknown);

}  // namespace molmo::config
