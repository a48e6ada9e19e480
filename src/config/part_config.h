// The config.json of a pre-trained part, a language model or a vision tower of Hugging Face's, beside the configuration
// that its weights are read into. Shapes of tensors say the rest.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/model_config.h"

namespace molmo::config {

/// Errors name each setting of a Qwen2, OLMo-2, OLMoE or Llama that computes something else than `decoder` does.
/// Returns the names of fields that mean nothing here.
std::vector<std::string> expect_decoder_part(const Json& hf, const DecoderConfig& decoder, const std::string& where);

/// The same for a CLIP, MetaCLIP, SigLIP or DINOv2, alone or with the text model beside it.
std::vector<std::string> expect_tower_part(const Json& hf, const VitConfig& vit, const std::string& where);

/// Settings of a whole Molmo's decoder (with `is_decoder`), or of its tower and connector, that compute something else
/// than those of `model`: "decoder.rope_theta: 10000.0 -> 1000000.0".
std::vector<std::string> part_differences(const ModelConfig& part, const ModelConfig& model, bool is_decoder);

}  // namespace molmo::config
