// SPDX-License-Identifier: Apache-2.0
// The rules by which the public code tells from a parameter's name what it is: what roles, which modules give their
// parameters themselves (tensor/param_role.h), are compared with. Facts: spec/training.md §1.2.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "tensor/param_role.h"

namespace molmo::testing {

inline bool contains_any(std::string_view name, std::initializer_list<std::string_view> pieces) {
  return std::any_of(pieces.begin(), pieces.end(),
                     [&](std::string_view piece) { return name.find(piece) != std::string_view::npos; });
}

inline Component component_of_name(std::string_view name) {
  // The order matters: tower names contain "transformer." too.
  if (contains_any(
          name, {"image_pooling_2d", "image_projector", "pad_embed", "transformer.wte.new_embedding", "tower_head."}))
    return Component::kConnector;
  return contains_any(name, {"image_vit."}) ? Component::kVit : Component::kLlm;
}

inline ParamPlace place_of_name(std::string_view name) {
  if (contains_any(name, {"transformer.wte.embedding", "transformer.wte.weight"})) return ParamPlace::kEmbedding;
  if (contains_any(name, {"transformer.ff_out."})) return ParamPlace::kHead;
  return contains_any(name, {"transformer.ln_f."}) ? ParamPlace::kFinalNorm : ParamPlace::kElsewhere;
}

// Biases, q/k norms, patch and padding embeddings decay.
inline bool name_decays(std::string_view name) {
  return !contains_any(name, {"wte", "attn_norm", "ff_norm", "ln_f", "pre_ln", "attention_norm", "ffn_norm", "lambda1",
                              "lambda2", "positional_embedding", "class_embedding"});
}

// The matrix of a linear map, and no table of embeddings.
inline bool names_matrix(std::string_view name, int64_t num_dims) {
  const bool is_table = contains_any(name, {"wte.", "wpe.", "embed"});
  return num_dims == 2 && (!is_table || contains_any(name, {"patch_embedding.weight"}));
}

}  // namespace molmo::testing
