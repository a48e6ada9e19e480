// The public code's field names (native config.yaml, MolmoE's config.json, golden cases) and ours.
// Facts: spec/model.md §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/json_fields.h"
#include "config/molmo_config.h"

namespace molmo::config {

/// Reads a native model configuration. Fields that are absent take the public code's class defaults (spec/model.md
/// §1.4), legacy fields are tolerated where they are off (§1.6), and so are unknown ones. Errors name `where` and the
/// field: a value that no released model has and nothing here computes, or sizes that do not fit together.
ModelConfig model_from_native(const Json& native, const std::string& where);

/// The configuration of a checkpoint of the public code: its whole config.yaml (settings under "model") or a
/// model.yaml. EOS follows from the vocabulary where a released model has it, else it is the file's own eos_token_id.
/// `unknown` takes the names of fields that mean nothing here.
MolmoConfig molmo_from_checkpoint_config(const Json& yaml, const std::string& where,
                                         std::vector<std::string>* unknown = nullptr);

/// The whole configuration: also preprocessing, prompts and how the tokenizer is padded. EOS is not part of it.
MolmoConfig molmo_from_native(const Json& native, const std::string& where);
MolmoConfig molmo_from_native(const JsonFields& fields);

/// Preprocessing that fits a model: sizes, pooling and padding masks follow from it, the rest is as released.
PreprocessConfig preprocess_for(const ModelConfig& model);

}  // namespace molmo::config
