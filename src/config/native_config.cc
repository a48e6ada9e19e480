// SPDX-License-Identifier: Apache-2.0
#include "config/native_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "molmo/error.h"

namespace molmo::config {
namespace {

// Fields of one JSON object with their defaults; null and absent both mean the default.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }

  template <class T>
  T get(const char* key, T fallback) const {
    if (!has(key)) return fallback;
    try {
      return json_.at(key).get<T>();
    } catch (const Json::exception&) {
      fail(key, "another type");
    }
  }

  /// A value out of a table of names.
  template <class E>
  E choose(const char* key, std::initializer_list<std::pair<std::string_view, E>> table, E fallback) const {
    if (!has(key)) return fallback;
    for (const auto& [name, value] : table) {
      if (json_.at(key) == name) return value;
    }
    std::string accepted;
    for (const auto& [name, value] : table) accepted += (accepted.empty() ? "" : ", ") + std::string(name);
    fail(key, "one of " + accepted);
  }

  [[noreturn]] void fail(const char* key, const std::string& expected) const {
    throw Error(fmt::format("[config] {}: native field '{}', got {}, expected {}", where_, key, json_.at(key).dump(), expected));
  }

 private:
  const Json& json_;
  std::string where_;
};

template <class E>
E choose_named(const Fields& fields, const char* key, E fallback) {
  if (!fields.has(key)) return fallback;
  const std::string text = fields.get<std::string>(key, "");
  std::string accepted;
  for (const auto& [value, name] : EnumNames<E>::values) {
    if (text == name) return value;
    accepted += (accepted.empty() ? "" : ", ") + std::string(name);
  }
  fields.fail(key, "one of " + accepted);
}

VitConfig vit_from_native(const Json& native, const std::string& where) {
  const Fields f(native, where);
  VitConfig vit;
  vit.kind = choose_named(f, "image_model_type", TowerKind::kOpenai);
  const auto size = f.get<std::vector<int>>("image_default_input_size", {336, 336});
  if (size.size() != 2) f.fail("image_default_input_size", "[height, width]");
  vit.image_height = size[0];
  vit.image_width = size[1];
  vit.patch_size = f.get("image_patch_size", 14);
  vit.width = f.get("image_emb_dim", 1024);
  vit.num_heads = f.get("image_num_heads", 16);
  vit.num_kv_heads = f.get("image_num_key_value_heads", vit.num_heads);
  vit.head_dim = f.get("image_head_dim", 64);
  vit.num_layers = f.get("image_num_layers", 24);
  vit.mlp_width = f.get("image_mlp_dim", 4096);
  vit.activation = choose_named(f, "image_mlp_activations", Activation::kGelu);
  vit.num_positions = f.get("image_num_pos", 577);
  vit.norm_eps = f.get("image_norm_eps", 1e-5);
  return vit;
}

DecoderConfig decoder_from_native(const Fields& f) {
  DecoderConfig d;
  d.block = choose_named(f, "block_type", BlockKind::kSequential);
  d.width = f.get("d_model", 768);
  d.num_layers = f.get("n_layers", 12);
  d.num_heads = f.get("n_heads", 12);
  d.num_kv_heads = f.get("n_kv_heads", d.num_heads);
  d.ffn_width = f.get("mlp_hidden_size", f.get("mlp_ratio", 4) * d.width) / 2;  // native widths are fused (trap T5)
  d.vocab_size = f.get("vocab_size", 50257);
  d.embedding_size = f.get("embedding_size", d.vocab_size);
  d.additional_vocab_size = f.get("additional_vocab_size", 0);
  d.norm = f.choose<NormKind>("layer_norm_type", {{"rms", NormKind::kRms}, {"default", NormKind::kLayerNorm}, {"low_precision", NormKind::kLayerNorm}}, NormKind::kLayerNorm);
  const double eps = f.get("layer_norm_eps", 0.0);
  d.norm_eps = eps > 0 ? eps : 1e-5;  // "if truthy"
  d.norm_after = f.get("norm_after", false);
  d.qk_norm = f.get("attention_layer_norm", false);
  d.linear_bias = f.get("include_bias", true);
  d.qkv_bias = f.get("qkv_bias", false) || d.linear_bias;
  d.norm_bias = f.get("bias_for_layer_norm", d.linear_bias) && d.norm == NormKind::kLayerNorm;
  d.rope = f.get("rope", false);
  d.rope_theta = f.get("rope_theta", 10000.0);
  d.max_positions = f.get("max_position_embeddings", f.get("max_sequence_length", 1024));
  d.tied_head = f.get("weight_tying", true);
  if (f.has("clip_qkv")) d.clip_qkv = f.get("clip_qkv", 0.0);
  d.scale_logits = f.get("scale_logits", false);
  d.scale_embeddings = f.get("normalize_input_embeds", false);
  d.direct_attention = d.block == BlockKind::kLlama && f.get<std::string>("attention_type", "sdpa") == "direct";
  if (d.block == BlockKind::kMoe) {
    d.num_experts = f.get("moe_num_experts", 8);
    d.experts_per_token = f.get("moe_top_k", 2);
    d.load_balancing_weight = f.get("moe_loss_weight", 0.1);
    d.router_z_weight = f.get("moe_zloss_weight", 0.0);
  }
  d.residual_dropout = f.get("residual_dropout", 0.1);
  d.response_dropout = f.get("response_residual_dropout", 0.0);
  d.attention_dropout = f.get("attention_dropout", 0.1);
  d.embedding_dropout = f.get("embedding_dropout", 0.1);
  d.init_std = f.get("init_std", 0.02);
  if (f.has("init_cutoff_factor")) d.init_cutoff = f.get("init_cutoff_factor", 3.0);
  return d;
}

}  // namespace

ModelConfig model_from_native(const Json& native, const std::string& where) {
  const Fields f(native, where);
  ModelConfig model;
  model.decoder = decoder_from_native(f);
  if (f.has("vision_backbone")) model.vit = vit_from_native(native.at("vision_backbone"), where);
  ConnectorConfig& c = model.connector;
  c.vit_layers = f.get<std::vector<int>>("vit_layers", {-1});
  c.pool_height = f.get("image_pooling_h", 2);
  c.pool_width = f.get("image_pooling_w", 2);
  c.pooling = choose_named(f, "image_pooling_2d", PoolingKind::kAttention);
  c.projector = choose_named(f, "image_projector", ProjectorKind::kMlp);
  c.hidden_width = model.decoder.ffn_width;
  c.padding_embed = choose_named(f, "image_padding_embed", PaddingEmbedKind::kNone);
  c.feature_dropout = f.get("image_feature_dropout", 0.0);
  return model;
}

}  // namespace molmo::config
