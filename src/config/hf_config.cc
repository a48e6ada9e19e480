// SPDX-License-Identifier: Apache-2.0
#include "config/hf_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "config/companion_config.h"
#include "config/hf_fields.h"
#include "config/json_fields.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/native_writer.h"
#include "config/presets.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

constexpr const char* kRequired[] = {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                                     "vocab_size"};
constexpr FixedField kFixedFields[] = {{"model_type", "\"molmo\""}, {"use_position_ids", "true"}};
constexpr FixedField kDenseFields[] = {
    {"num_experts", "0"}, {"num_experts_per_tok", "0"}, {"moe_intermediate_size", "0"}};

// One setting under two names: they may not contradict each other.
double read_norm_eps(const JsonFields& f) {
  const double eps = f.number("layer_norm_eps", f.number("rms_norm_eps", 1e-5));
  if (f.number("rms_norm_eps", eps) != eps) f.fail("rms_norm_eps", fmt::format("layer_norm_eps = {}", eps));
  return eps;
}

bool read_tied_head(const JsonFields& f) {
  const bool is_tied = f.flag("weight_tying", f.flag("tie_word_embeddings", false));
  if (f.flag("tie_word_embeddings", is_tied) != is_tied)
    f.fail("tie_word_embeddings", fmt::format("weight_tying = {}", is_tied));
  return is_tied;
}

DecoderConfig decoder_from_hf(const JsonFields& f) {
  f.require(kRequired);
  f.expect_fixed(kFixedFields);
  f.expect_fixed(kDenseFields);
  ignore_bookkeeping(f);
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
  d.norm_eps = read_norm_eps(f);
  d.norm_after = f.flag("norm_after", false);
  d.qk_norm = f.flag("attention_layer_norm", false);
  d.qkv_bias = f.flag("qkv_bias", false);
  d.rope_theta = read_rope_theta(f, 10000.0);
  d.max_positions = f.integer("max_position_embeddings", 4096);
  d.tied_head = read_tied_head(f);
  if (f.has("clip_qkv")) d.clip_qkv = f.number("clip_qkv", 0.0);
  d.init_std = f.number("initializer_range", 0.02);
  expect_plain_decoder(f, d.width, d.num_heads);
  return d;
}

MolmoConfig molmo_from_hf(const JsonFields& f) {
  MolmoConfig molmo;
  molmo.model.decoder = decoder_from_hf(f);
  molmo.model.connector.hidden_width = molmo.model.decoder.ffn_width;
  molmo.tokenizer.pad_to = molmo.model.decoder.vocab_size;
  return molmo;
}

// Released files do not say EOS; the tokenizer's size tells which of the released ones it is.
int64_t eos_of(const JsonFields& f, int vocab_size) {
  const std::optional<int64_t> known = known_eos(vocab_size);
  if (const std::optional<int64_t> stated = read_end_token(f, known)) return *stated;
  if (!known) f.fail("eos_token_id", "an id, as no released model has this vocab_size");
  return *known;
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
  d.embedding_init_std = o.embedding_init_std;
  molmo.model.vit.init_std = other.model.vit.init_std;
  molmo.model.connector.feature_dropout = other.model.connector.feature_dropout;
  molmo.preprocess.byte_patches = other.preprocess.byte_patches;  // the same numbers
  molmo.tokenizer = other.tokenizer;
  molmo.prompt = other.prompt;
  return molmo;
}

// Native fields may stand beside the format's own where they say what the format has wired in.
void expect_wired_in(const JsonFields& f, const MolmoConfig& molmo) {
  Json said = to_native(molmo);
  bool has_any = false;
  for (auto& [key, value] : said.items()) {
    if (!f.has(key.c_str()) || f.json().at(key) == value) continue;
    has_any = true;
    const Json& given = f.json().at(key);
    if (value.is_object() && given.is_object()) {
      f.object(key.c_str());
      for (const auto& [name, inner] : given.items()) value[name] = inner;
    } else {
      value = given;
    }
  }
  if (!has_any) return;
  const JsonFields native(said, f.where());
  const MolmoConfig read = without_training(molmo_from_native(native), molmo);
  const std::vector<std::string> lines = diff(molmo, read);
  if (!lines.empty())
    throw Error(fmt::format("[config] {}: says otherwise than what this format has wired in: {}", f.where(),
                            join_text(lines, "; ")));
}

}  // namespace

MolmoConfig from_hf_config(const Json& hf, const std::string& where, std::vector<std::string>* unknown) {
  const JsonFields fields(hf, where);
  refuse_quantized(fields);
  const bool is_native = fields.has("d_model");
  if (is_native) fields.expect_fixed(kFixedFields);
  MolmoConfig molmo = is_native ? molmo_from_native(fields) : molmo_from_hf(fields);
  if (!is_native) expect_wired_in(fields, molmo);
  molmo.tokenizer.eos_id = eos_of(fields, molmo.model.decoder.vocab_size);
  if (unknown != nullptr) *unknown = fields.unknown();
  return from_json<MolmoConfig>(to_json(molmo), where);  // checks every range and rule
}

std::vector<std::string> hf_obstacles(const MolmoConfig& molmo) {
  MolmoConfig read_back;
  if (is_moe(molmo)) {
    read_back = molmo_from_native(to_native(molmo), "config.json");
    read_back.model.vit.kind = TowerKind::kOpenai;
    read_back.model.connector.pooling = PoolingKind::kAttentionMeanQuery;
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
