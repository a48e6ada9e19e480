// SPDX-License-Identifier: Apache-2.0
#include "config/part_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "config/hf_fields.h"
#include "config/load.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

// What class defaults Transformers takes where a file is silent.
struct DecoderDefaults {
  std::string_view model_type;
  double norm_eps;
};
constexpr DecoderDefaults kDecoders[] = {{"qwen2", 1e-6}, {"olmo2", 1e-5}, {"olmo_1124", 1e-5}, {"olmo1124", 1e-5},
                                         {"olmoe", 1e-5}, {"llama", 1e-6}, {"mistral", 1e-6}};

struct TowerDefaults {
  std::string_view model_type;
  TowerKind kind;
  Activation activation;
  double norm_eps;
  int patch_size, width, mlp_width;
};
constexpr TowerDefaults kTowers[] = {
    {"clip", TowerKind::kOpenai, Activation::kQuickGelu, 1e-5, 32, 768, 3072},
    {"clip_vision_model", TowerKind::kOpenai, Activation::kQuickGelu, 1e-5, 32, 768, 3072},
    {"metaclip", TowerKind::kOpenai, Activation::kQuickGelu, 1e-5, 32, 768, 3072},
    {"siglip", TowerKind::kSiglip, Activation::kGeluTanh, 1e-6, 16, 768, 3072},
    {"siglip_vision_model", TowerKind::kSiglip, Activation::kGeluTanh, 1e-6, 16, 768, 3072},
    {"dinov2", TowerKind::kDino, Activation::kGelu, 1e-6, 14, 768, 3072}};

constexpr FixedField kPlainTower[] = {{"use_swiglu_ffn", "false"}, {"qkv_bias", "true"},
                                      {"attention_bias", "true"},  {"num_register_tokens", "0"},
                                      {"num_channels", "3"},       {"use_mask_token", "true|false"},
                                      {"rope_theta", ""},          {"layerscale_value", "1|1.0"}};

// What shapes of tensors say, or how far positions reach.
constexpr const char* kOfShapes[] = {"vocab_size", "max_position_embeddings", "eos_token_id", "tie_word_embeddings"};
// Of the text model beside a tower, of its fresh weights, and of outputs that are not taken.
constexpr const char* kOfTowers[] = {"text_config",
                                     "text_config_dict",
                                     "vision_config_dict",
                                     "projection_dim",
                                     "logit_scale_init_value",
                                     "image_size",
                                     "mlp_ratio",
                                     "intermediate_size",
                                     "vision_use_head",
                                     "apply_layernorm",
                                     "reshape_hidden_states",
                                     "out_features",
                                     "out_indices",
                                     "stage_names",
                                     "eos_token_id"};

// Collects what differs, to say it at once.
class Comparison {
 public:
  Comparison(const JsonFields& fields, std::string part) : fields_(fields), part_(std::move(part)) {}

  template <class T>
  void expect(const char* field, const T& got, const char* key, const T& expected) {
    if (got != expected)
      lines_.push_back(fmt::format("{}: got {}, expected {}{} = {}", field, got, part_, key, expected));
  }

  void throw_if_any() const {
    if (!lines_.empty())
      throw Error(
          fmt::format("[config] {}: the part computes something else than the model that it is read into:\n  {}",
                      fields_.where(), join_text(lines_, "\n  ")));
  }

 private:
  const JsonFields& fields_;
  std::string part_;
  std::vector<std::string> lines_;
};

template <class Row, size_t N>
const Row& row_of(const Row (&table)[N], const JsonFields& f) {
  const std::string type = f.text("model_type", "");
  std::string known;
  for (const Row& row : table) {
    if (type == row.model_type) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.model_type);
  }
  f.fail("model_type", "one of " + known);
}

}  // namespace

std::vector<std::string> expect_decoder_part(const Json& hf, const DecoderConfig& decoder, const std::string& where) {
  const JsonFields f(hf, where);
  refuse_quantized(f);
  const DecoderDefaults& defaults = row_of(kDecoders, f);
  const bool has_experts = decoder.block == BlockKind::kMoe;
  const int num_heads = f.integer("num_attention_heads", decoder.num_heads);
  expect_plain_decoder(f, f.integer("hidden_size", decoder.width), num_heads);
  Comparison part(f, "decoder.");
  part.expect("hidden_size", f.integer("hidden_size", decoder.width), "width", decoder.width);
  part.expect("num_hidden_layers", f.integer("num_hidden_layers", decoder.num_layers), "num_layers",
              decoder.num_layers);
  part.expect("num_attention_heads", num_heads, "num_heads", decoder.num_heads);
  part.expect("num_key_value_heads", f.integer("num_key_value_heads", num_heads), "num_kv_heads", decoder.num_kv_heads);
  part.expect("intermediate_size", f.integer("intermediate_size", decoder.ffn_width), "ffn_width", decoder.ffn_width);
  part.expect("rms_norm_eps", f.number("rms_norm_eps", defaults.norm_eps), "norm_eps", decoder.norm_eps);
  part.expect("rope_theta", read_rope_theta(f, 10000.0), "rope_theta", decoder.rope_theta);
  part.expect("clip_qkv", f.number("clip_qkv", 0.0), "clip_qkv", decoder.clip_qkv.value_or(0.0));
  part.expect("num_experts", f.integer("num_experts", has_experts ? 64 : 0), "num_experts", decoder.num_experts);
  part.expect("num_experts_per_tok", f.integer("num_experts_per_tok", has_experts ? 8 : 0), "experts_per_token",
              decoder.experts_per_token);
  part.throw_if_any();
  ignore_bookkeeping(f);
  f.ignore(kOfShapes);
  return f.unknown();
}

std::vector<std::string> expect_tower_part(const Json& hf, const VitConfig& vit, const std::string& where) {
  const JsonFields outer(hf, where);
  refuse_quantized(outer);
  const TowerDefaults& defaults = row_of(kTowers, outer);
  const JsonFields f = outer.has("vision_config") ? outer.object("vision_config") : outer;
  f.expect_fixed(kPlainTower);
  Comparison part(f, "vit.");
  part.expect("model_type", enum_name(defaults.kind), "kind", enum_name(vit.kind));
  part.expect("hidden_act", enum_name(f.choice("hidden_act", defaults.activation)), "activation",
              enum_name(vit.activation));
  part.expect("layer_norm_eps", f.number("layer_norm_eps", defaults.norm_eps), "norm_eps", vit.norm_eps);
  part.expect("patch_size", f.integer("patch_size", defaults.patch_size), "patch_size", vit.patch_size);
  const int width = f.integer("hidden_size", defaults.width);
  part.expect("hidden_size", width, "width", vit.width);
  part.expect("num_attention_heads", f.integer("num_attention_heads", 12), "num_heads", vit.num_heads);
  const double mlp_width = defaults.kind == TowerKind::kDino ? f.number("mlp_ratio", 4) * width
                                                             : f.integer("intermediate_size", defaults.mlp_width);
  part.expect("intermediate_size", mlp_width, "mlp_width", static_cast<double>(vit.mlp_width));
  // The last blocks may be left out, as the released models leave out CLIP's.
  const int num_layers = f.integer("num_hidden_layers", 12);
  if (num_layers < vit.num_layers) part.expect("num_hidden_layers", num_layers, "num_layers", vit.num_layers);
  part.throw_if_any();
  for (const JsonFields& fields : {outer, f}) {
    ignore_bookkeeping(fields);
    fields.ignore(kOfTowers);
  }
  return outer.unknown();
}

std::vector<std::string> part_differences(const ModelConfig& part, const ModelConfig& model, bool is_decoder) {
  ModelConfig before = part;
  DecoderConfig& d = before.decoder;
  const DecoderConfig& now = model.decoder;
  // Of training, or how far positions reach, or what the shapes of tensors say.
  d.residual_dropout = now.residual_dropout, d.response_dropout = now.response_dropout;
  d.attention_dropout = now.attention_dropout, d.embedding_dropout = now.embedding_dropout;
  d.load_balancing_weight = now.load_balancing_weight, d.router_z_weight = now.router_z_weight;
  d.init_std = now.init_std, d.embedding_init_std = now.embedding_init_std, d.init_cutoff = now.init_cutoff;
  d.max_positions = d.rope ? now.max_positions : d.max_positions;
  d.vocab_size = now.vocab_size;
  before.vit.init_std = model.vit.init_std;
  before.connector.feature_dropout = model.connector.feature_dropout;
  before.vit.image_height = model.vit.image_height, before.vit.image_width = model.vit.image_width;
  before.vit.num_positions = model.vit.num_positions;
  if (is_decoder) {
    before.vit = model.vit, before.connector = model.connector;
  } else {
    before.decoder = model.decoder;
  }
  return diff(before, model);
}

}  // namespace molmo::config
