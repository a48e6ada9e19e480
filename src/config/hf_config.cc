// SPDX-License-Identifier: Apache-2.0
#include "config/hf_config.h"

#include <nlohmann/json.hpp>

#include "config/json_fields.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/presets.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

constexpr const char* kRequired[] = {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                                     "vocab_size"};
constexpr FixedField kFixedFields[] = {{"model_type", "\"molmo\""}, {"use_position_ids", "true"}};

DecoderConfig decoder_from_hf(const JsonFields& f) {
  f.require(kRequired);
  f.expect_fixed(kFixedFields);
  DecoderConfig d;
  d.width = f.integer("hidden_size", 0);
  d.num_layers = f.integer("num_hidden_layers", 0);
  d.num_heads = f.integer("num_attention_heads", 0);
  d.num_kv_heads = f.integer("num_key_value_heads", d.num_heads);
  const int fused = f.integer("intermediate_size", 0);  // [up; gate] (trap T5)
  if (fused % 2 != 0) f.fail("intermediate_size", "an even width, of [up; gate] together");
  d.ffn_width = fused / 2;
  d.vocab_size = f.integer("vocab_size", 0);
  d.embedding_size = f.integer("embedding_size", d.vocab_size);
  d.norm = f.choice("layer_norm_type", NormKind::kRms, {{"default", NormKind::kLayerNorm}});
  d.norm_eps = f.number("layer_norm_eps", 1e-5);
  d.norm_after = f.flag("norm_after", false);
  d.qk_norm = f.flag("attention_layer_norm", false);
  d.qkv_bias = f.flag("qkv_bias", false);
  d.rope_theta = f.number("rope_theta", 10000.0);
  d.max_positions = f.integer("max_position_embeddings", 4096);
  d.tied_head = f.flag("weight_tying", false);
  if (f.has("clip_qkv")) d.clip_qkv = f.number("clip_qkv", 0.0);
  d.init_std = f.number("initializer_range", 0.02);
  return d;
}

MolmoConfig molmo_from_hf(const JsonFields& f) {
  MolmoConfig molmo;
  molmo.model.decoder = decoder_from_hf(f);
  molmo.model.connector.hidden_width = molmo.model.decoder.ffn_width;
  molmo.tokenizer.pad_to = molmo.model.decoder.vocab_size;
  return molmo;
}

// The format does not say EOS; the tokenizer's size tells which of the released ones it is.
int64_t eos_of(const JsonFields& f, int vocab_size) {
  if (f.has("eos_token_id")) return f.integer("eos_token_id", 0);
  if (const std::optional<int64_t> eos = known_eos(vocab_size)) return *eos;
  f.fail("eos_token_id", "an id, as no released model has this vocab_size");
}

Json decoder_to_hf(const DecoderConfig& d) {
  // The remote code lies in the released repository, so that a folder without it loads too.
  const std::string code = "allenai/Molmo-7B-D-0924--";
  return {{"model_type", "molmo"},
          {"architectures", {"MolmoForCausalLM"}},
          {"auto_map",
           {{"AutoConfig", code + "config_molmo.MolmoConfig"},
            {"AutoModelForCausalLM", code + "modeling_molmo.MolmoForCausalLM"}}},
          {"hidden_size", d.width},
          {"intermediate_size", 2 * int64_t{d.ffn_width}},
          {"num_hidden_layers", d.num_layers},
          {"num_attention_heads", d.num_heads},
          {"num_key_value_heads", d.num_kv_heads},
          {"vocab_size", d.vocab_size},
          {"embedding_size", d.embedding_size},
          {"layer_norm_eps", d.norm_eps},
          {"layer_norm_type", d.norm == NormKind::kRms ? "rms" : "default"},
          {"max_position_embeddings", d.max_positions},
          {"rope_theta", d.rope_theta},
          {"qkv_bias", d.qkv_bias},
          {"attention_layer_norm", d.qk_norm},
          {"norm_after", d.norm_after},
          {"clip_qkv", d.clip_qkv ? Json(*d.clip_qkv) : Json(nullptr)},
          {"weight_tying", d.tied_head},
          {"tie_word_embeddings", d.tied_head},
          {"use_position_ids", true},
          {"use_cache", true},
          {"initializer_range", d.init_std}};
}

bool is_moe(const MolmoConfig& molmo) { return molmo.model.decoder.block == BlockKind::kMoe; }

Json write_hf(const MolmoConfig& molmo) {
  Json hf = is_moe(molmo) ? to_native(molmo) : decoder_to_hf(molmo.model.decoder);
  if (is_moe(molmo)) {
    hf["model_type"] = "molmo";
    hf["architectures"] = {"OLMoForCausalLM"};
    hf["image_pooling_2d"] = "attention-meanq";  // as the released file spells it
    hf["rope_impl"] = "llama";
  }
  hf["eos_token_id"] = molmo.tokenizer.eos_id;
  return hf;
}

// `molmo` with what matters in training only, and what other files of the folder hold, as in `other`.
MolmoConfig without_training(MolmoConfig molmo, const MolmoConfig& other) {
  DecoderConfig& d = molmo.model.decoder;
  const DecoderConfig& o = other.model.decoder;
  d.residual_dropout = o.residual_dropout;
  d.response_dropout = o.response_dropout;
  d.attention_dropout = o.attention_dropout;
  d.embedding_dropout = o.embedding_dropout;
  d.load_balancing_weight = o.load_balancing_weight;
  d.router_z_weight = o.router_z_weight;
  d.init_std = o.init_std;
  d.init_cutoff = o.init_cutoff;
  molmo.model.connector.feature_dropout = other.model.connector.feature_dropout;
  molmo.tokenizer = other.tokenizer;
  molmo.prompt = other.prompt;
  return molmo;
}

}  // namespace

MolmoConfig from_hf_config(const Json& hf, const std::string& where) {
  const JsonFields fields(hf, where);
  const bool is_native = fields.has("d_model");
  if (is_native) fields.expect_fixed(kFixedFields);
  MolmoConfig molmo = is_native ? molmo_from_native(hf, where) : molmo_from_hf(fields);
  molmo.tokenizer.eos_id = eos_of(fields, molmo.model.decoder.vocab_size);
  return from_json<MolmoConfig>(to_json(molmo), where);  // checks every range and rule
}

std::vector<std::string> hf_obstacles(const MolmoConfig& molmo) {
  MolmoConfig read_back = is_moe(molmo) ? molmo : MolmoConfig{};
  if (is_moe(molmo)) {  // native fields say everything but this
    read_back.model.vit.kind = TowerKind::kOpenai;
    read_back.model.connector.pooling = PoolingKind::kAttentionMeanQuery;
    read_back.model.connector.hidden_width = molmo.model.decoder.ffn_width;
  } else {
    read_back = molmo_from_hf(JsonFields(decoder_to_hf(molmo.model.decoder), "config.json"));
  }
  return diff(without_training(read_back, molmo), molmo);
}

std::optional<Json> to_hf_config(const MolmoConfig& molmo) {
  if (!hf_obstacles(molmo).empty()) return std::nullopt;
  return write_hf(molmo);
}

}  // namespace molmo::config
