// SPDX-License-Identifier: Apache-2.0
#include "model/flops.h"

#include <algorithm>
#include <cmath>

namespace molmo::model {
namespace {

using config::PoolingKind;
using config::ProjectorKind;

// Multiplications per token of the decoder's blocks, all layers.
double block_products(const config::DecoderConfig& d) {
  const double width = d.width, kv_width = static_cast<double>(d.num_kv_heads) * d.head_dim();
  const double attention = width * (2.0 * width + 2.0 * kv_width);  // q, k, v, out
  const bool is_mixture = d.block == config::BlockKind::kMoe;
  const double one_ffn = 3.0 * width * d.ffn_width;
  const double ffn = is_mixture ? d.experts_per_token * one_ffn + width * d.num_experts : one_ffn;
  return d.num_layers * (attention + ffn);
}

double decoder_products(const config::DecoderConfig& d, const PassWork& work) {
  // A causal query sees half of the keys; scores and their sum over values.
  const double attention = d.num_layers * 2.0 * d.width * work.squared_lengths / 2.0;
  return static_cast<double>(work.num_tokens) * block_products(d) + attention +
         static_cast<double>(work.num_loss_tokens) * d.width * d.embedding_size;
}

double tower_products(const config::ModelConfig& config) {  // of a crop
  const config::VitConfig& v = config.vit;
  const double tokens = v.num_patches() + (v.has_class_token() ? 1 : 0);
  const double inner = static_cast<double>(v.num_heads) * v.head_dim;
  const double kv_inner = static_cast<double>(v.num_kv_heads) * v.head_dim;
  const double block =
      tokens * (v.width * (2.0 * inner + 2.0 * kv_inner) + 2.0 * v.width * v.mlp_width) + 2.0 * tokens * tokens * inner;
  int last = 0;  // blocks after the last layer that is used do not run
  for (const int layer : config.connector.vit_layers) last = std::max(last, layer < 0 ? layer + v.num_layers : layer);
  return static_cast<double>(v.num_patches()) * v.patch_values() * v.width + (last + 1) * block;
}

double connector_products(const config::ModelConfig& config) {  // of a crop
  const config::ConnectorConfig& c = config.connector;
  const config::VitConfig& v = config.vit;
  const auto cells = [](double patches, int pool) { return std::ceil(patches / pool); };
  const double pooled = cells(v.grid_height(), c.pool_height) * cells(v.grid_width(), c.pool_width);
  const double window = static_cast<double>(c.pool_height) * c.pool_width;
  const double in = static_cast<double>(c.vit_layers.size()) * v.width;
  const double inner = static_cast<double>(v.num_heads) * v.head_dim;
  const double kv_inner = static_cast<double>(v.num_kv_heads) * v.head_dim;
  const bool attends = c.pooling == PoolingKind::kAttentionMeanQuery || c.pooling == PoolingKind::kAttention;
  double products = 0.0;
  if (attends) {
    products += pooled * (in * inner + window * in * 2.0 * kv_inner + inner * v.width + 2.0 * window * inner);
  }
  const double width = attends ? v.width : c.pooling == PoolingKind::kStack ? window * in : in;
  const double out = config.decoder.width, hidden = c.hidden_width;
  const auto mlp = [&](double from) { return hidden * (2.0 * from + out); };
  switch (c.projector) {
    case ProjectorKind::kLinear:
      return products + pooled * width * out;
    case ProjectorKind::kMlp:
      return products + pooled * mlp(width);
    case ProjectorKind::kTwoMlps:
      return products + pooled * (mlp(width) + mlp(out));
  }
  return products;
}

}  // namespace

double forward_flops(const config::ModelConfig& config, const PassWork& work) {
  const double crops = static_cast<double>(work.num_crops) * (tower_products(config) + connector_products(config));
  return 2.0 * (decoder_products(config.decoder, work) + crops);
}

}  // namespace molmo::model
