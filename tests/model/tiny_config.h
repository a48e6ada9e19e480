// A model small enough for unit tests, with everything that the released ones have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/molmo_config.h"

namespace molmo::testing {

/// 8x8 pixel crops of 4x4 patches of 2 pixels; vocabulary of 64 and five image tokens.
inline config::ModelConfig tiny_model_config() {
  config::ModelConfig model;
  model.vit = {.image_height = 8,
               .image_width = 8,
               .patch_size = 2,
               .width = 16,
               .num_layers = 3,
               .num_heads = 2,
               .num_kv_heads = 2,
               .head_dim = 8,
               .mlp_width = 32,
               .num_positions = 17};
  model.connector.vit_layers = {-1, -2};
  model.connector.hidden_width = 24;
  model.decoder = {.width = 32,
                   .num_layers = 2,
                   .num_heads = 4,
                   .num_kv_heads = 2,
                   .ffn_width = 40,
                   .vocab_size = 64,
                   .embedding_size = 64,
                   .additional_vocab_size = 8,
                   .rope_theta = 10000,
                   .max_positions = 128};
  return model;
}

}  // namespace molmo::testing
