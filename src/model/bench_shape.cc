// SPDX-License-Identifier: Apache-2.0
#include "model/bench_shape.h"

#include <algorithm>

#include "config/presets.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

config::ModelConfig small_shape(std::string_view name) {
  config::ModelConfig model;
  config::DecoderConfig& d = model.decoder;
  if (name == "tiny") {
    d.width = 256, d.num_layers = 4, d.num_heads = 8, d.num_kv_heads = 4, d.ffn_width = 512;
    model.vit.width = 128, model.vit.num_layers = 4, model.vit.num_heads = model.vit.num_kv_heads = 4,
    model.vit.head_dim = 32, model.vit.mlp_width = 512;
  } else {
    d.width = 768, d.num_layers = 12, d.num_heads = 12, d.num_kv_heads = 4, d.ffn_width = 2048;
    model.vit.width = 384, model.vit.num_layers = 12, model.vit.num_heads = model.vit.num_kv_heads = 6,
    model.vit.head_dim = 64, model.vit.mlp_width = 1536;
  }
  d.vocab_size = d.embedding_size = 32000;
  d.additional_vocab_size = 8;
  model.connector.vit_layers = {-2, -4};
  model.connector.hidden_width = d.ffn_width;
  return model;
}

}  // namespace

config::ModelConfig bench_shape(std::string_view name, int num_layers) {
  const bool is_small = name == "tiny" || name == "0.15b";
  config::ModelConfig model = is_small ? small_shape(name) : config::preset(std::string(name)).model;
  if (num_layers > 0) model.decoder.num_layers = num_layers;
  return model;
}

void draw_bench_values(ParamSet& params) {
  const at::NoGradGuard no_grad;
  for (Parameter& param : params.all()) {
    if (param.role.kind == ParamKind::kNorm) {
      param.value.fill_(1.0);
    } else {
      param.value.normal_(0.0, 0.02);
    }
  }
}

}  // namespace molmo::model
