// SPDX-License-Identifier: Apache-2.0
#include "config/native_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/hf_fields.h"
#include "config/json_fields.h"
#include "config/load.h"
#include "config/presets.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

// Fields with a single value in every released and golden configuration, and legacy fields that must be off.
constexpr std::string_view kOff = "false|0|0.0|\"\"|[]";
constexpr FixedField kFixedFields[] = {
    {"activation_type", "\"swiglu\"|\"llama_swiglu\""},
    {"rope_full_precision", "true"},
    {"rope_impl", "\"llama\""},
    {"use_position_ids", "true"},
    {"layer_norm_with_affine", "true"},
    {"attention_layer_norm_with_affine", "true"},
    {"moe_shared_expert", "false"},
    {"moe_interleave", "false"},
    {"moe_dropless", "true"},
    {"response_attention_dropout", "0|0.0"},
    {"alibi", kOff},
    {"prompt_override", "\"\""},
    {"attention_type", "\"sdpa\"|\"direct\"|\"flash\""},
    {"image_padding_mask", "false"},
    {"multi_query_attention", kOff},
    {"do_random_scale", kOff},
    {"fix_image_input_idx", "2"},
    {"unconditioned", kOff},
    {"use_cls_feature", kOff},
    {"pad_to", kOff},
    {"gin_bindings", kOff},
};
constexpr FixedField kFixedTowerFields[] = {{"attention_dropout", "0|0.0"}, {"residual_dropout", "0|0.0"}};

// What the public code reads nowhere, needs for fresh weights or its own training alone, or computes alike either way.
constexpr const char* kIgnored[] = {"block_group_size",  "float32_attention",
                                    "flash_attention",   "query_pre_attn_scalar",
                                    "alibi_bias_max",    "moe_mlp_impl",
                                    "moe_num_experts",   "moe_top_k",
                                    "moe_loss_weight",   "moe_zloss_weight",
                                    "moe_lbl_in_fp32",   "moe_capacity_factor",
                                    "fix_image_padding", "moe_log_expert_assignment",
                                    "init_fn",           "new_embedding_init_range",
                                    "init_device",       "max_sequence_length",
                                    "precision",         "low_cpu_fsdp",
                                    "llm_load_path",     "vit_load_path",
                                    "mlp_ratio",         "tokenizer",
                                    "eos_token_id"};
constexpr const char* kIgnoredOfTower[] = {"image_pos_patch_size", "image_dropout_rate", "initializer_range",
                                           "fsdp_wrap", "fix_image_mask"};

VitConfig vit_from_native(const JsonFields& f) {
  f.expect_fixed(kFixedTowerFields);
  f.ignore(kIgnoredOfTower);
  VitConfig vit;
  vit.kind = f.choice("image_model_type", TowerKind::kOpenai);
  const std::vector<int> size = f.integers("image_default_input_size", {336, 336});
  if (size.size() != 2) f.fail("image_default_input_size", "[height, width]");
  vit.image_height = size[0];
  vit.image_width = size[1];
  vit.patch_size = f.integer("image_patch_size", 14);
  vit.width = f.integer("image_emb_dim", 1024);
  vit.num_heads = f.integer("image_num_heads", 16);
  vit.num_kv_heads = f.integer("image_num_key_value_heads", vit.num_heads);
  vit.head_dim = f.integer("image_head_dim", 64);
  vit.num_layers = f.integer("image_num_layers", 24);
  vit.mlp_width = f.integer("image_mlp_dim", 4096);
  vit.activation = f.choice("image_mlp_activations", Activation::kGelu);
  vit.num_positions = f.integer("image_num_pos", 577);
  vit.norm_eps = f.number("image_norm_eps", 1e-5);
  return vit;
}

ConnectorConfig connector_from_native(const JsonFields& f, int ffn_width) {
  ConnectorConfig c;
  c.vit_layers = f.integers("vit_layers", {-1});
  c.pool_height = f.integer("image_pooling_h", 2);
  c.pool_width = f.integer("image_pooling_w", 2);
  c.pooling =
      f.choice("image_pooling_2d", PoolingKind::kAttention, {{"attention-meanq", PoolingKind::kAttentionMeanQuery}});
  c.projector = f.choice("image_projector", ProjectorKind::kMlp);
  c.hidden_width = ffn_width;
  c.padding_embed = f.choice("image_padding_embed", PaddingEmbedKind::kNone);
  c.feature_dropout = f.number("image_feature_dropout", 0.0);
  return c;
}

constexpr double kLargestWidth = 1 << 30;

// Native widths are fused, [up; gate] (trap T5): the real width is half of them.
int ffn_width_from_native(const JsonFields& f, int width) {
  if (!f.has("mlp_hidden_size")) {
    const double fused = f.number("mlp_ratio", 4) * width;
    if (!(fused >= 0 && fused < kLargestWidth)) f.fail("mlp_ratio", "a small positive number");
    return static_cast<int>(fused) / 2;
  }
  const int fused = f.integer("mlp_hidden_size", 0);
  if (fused % 2 != 0) f.fail("mlp_hidden_size", "an even width, of [up; gate] together");
  return fused / 2;
}

void read_sizes(const JsonFields& f, DecoderConfig& d) {
  d.block = f.choice("block_type", BlockKind::kSequential);
  d.width = f.integer("d_model", 768);
  d.num_layers = f.integer("n_layers", 12);
  d.num_heads = f.integer("n_heads", 12);
  d.num_kv_heads = f.integer("n_kv_heads", d.num_heads);
  d.ffn_width = ffn_width_from_native(f, d.width);
  d.vocab_size = f.integer("vocab_size", 50257);
  d.embedding_size = f.integer("embedding_size", d.vocab_size);
  d.additional_vocab_size = f.integer("additional_vocab_size", 0);
  d.max_positions = f.integer("max_position_embeddings", f.integer("max_sequence_length", 1024));
  if (d.block != BlockKind::kMoe) return;
  d.num_experts = f.integer("moe_num_experts", 8);
  d.experts_per_token = f.integer("moe_top_k", 2);
  d.load_balancing_weight = f.number("moe_loss_weight", 0.1);
  d.router_z_weight = f.number("moe_zloss_weight", 0.0);
}

void read_rules(const JsonFields& f, DecoderConfig& d) {
  d.norm = f.choice("layer_norm_type", NormKind::kLayerNorm,
                    {{"default", NormKind::kLayerNorm}, {"low_precision", NormKind::kLayerNorm}});
  d.norm_eps = f.number("layer_norm_eps", 0.0);
  if (d.norm_eps == 0) d.norm_eps = 1e-5;  // PARITY: the public code takes its default for 0 as for null
  d.norm_after = f.flag("norm_after", false);
  d.qk_norm = f.flag("attention_layer_norm", false);
  d.linear_bias = f.flag("include_bias", true);
  d.qkv_bias = f.flag("qkv_bias", false) || d.linear_bias;
  d.norm_bias = f.flag("bias_for_layer_norm", d.linear_bias) && d.norm == NormKind::kLayerNorm;
  d.rope = f.flag("rope", false);
  d.rope_theta = read_rope_theta(f, 10000.0);
  d.tied_head = f.flag("weight_tying", f.flag("tie_word_embeddings", true));
  if (f.has("clip_qkv")) d.clip_qkv = f.number("clip_qkv", 0.0);
  d.scale_logits = f.flag("scale_logits", false);
  d.scale_embeddings = f.flag("normalize_input_embeds", false);
  d.direct_attention = d.block == BlockKind::kLlama && f.text("attention_type", "sdpa") == "direct";
}

void read_training(const JsonFields& f, DecoderConfig& d) {
  d.residual_dropout = f.number("residual_dropout", 0.1);
  d.response_dropout = f.number("response_residual_dropout", 0.0);
  d.attention_dropout = f.number("attention_dropout", 0.1);
  d.embedding_dropout = f.number("embedding_dropout", 0.1);
  d.init_std = f.number("init_std", 0.02);
  if (f.has("init_cutoff_factor")) d.init_cutoff = f.number("init_cutoff_factor", 3.0);
}

ModelConfig read_model(const JsonFields& f) {
  f.expect_fixed(kFixedFields);
  f.ignore(kIgnored);
  ignore_bookkeeping(f);
  refuse_quantized(f);
  ModelConfig model;
  read_sizes(f, model.decoder);
  expect_plain_decoder(f, model.decoder.width, model.decoder.num_heads);
  read_rules(f, model.decoder);
  read_training(f, model.decoder);
  if (f.has("vision_backbone")) model.vit = vit_from_native(f.object("vision_backbone"));
  model.connector = connector_from_native(f, model.decoder.ffn_width);
  return model;
}

NormalizeKind normalization_of(TowerKind kind) {
  switch (kind) {
    case TowerKind::kSiglip:
      return NormalizeKind::kSiglip;
    case TowerKind::kDino:
      return NormalizeKind::kDino;
    case TowerKind::kOpenai:
      break;
  }
  return NormalizeKind::kOpenai;
}

ResizeKind resize_of(TowerKind kind) {
  switch (kind) {
    case TowerKind::kSiglip:
      return ResizeKind::kSiglip;
    case TowerKind::kDino:
      return ResizeKind::kDino;
    case TowerKind::kOpenai:
      break;
  }
  return ResizeKind::kFitAndPad;
}

void read_inputs(const JsonFields& f, MolmoConfig& molmo) {
  PreprocessConfig& p = molmo.preprocess;
  if (f.has("vision_backbone")) p.resize = f.object("vision_backbone").choice("resize_mode", ResizeKind::kFitAndPad);
  p.crop_mode = f.choice("crop_mode", CropMode::kOverlapAndResize);
  p.max_crops = f.integer("max_crops", 12);
  const std::vector<int> margins = f.integers("overlap_margins", {4, 4});
  if (margins.size() != 2) f.fail("overlap_margins", "[left and top, right and bottom]");
  p.overlap_margins = {margins[0], margins[1]};
  p.pad_value = f.number("pad_value", 0.0);
  p.use_col_tokens = f.flag("use_col_tokens", true);
  PromptConfig& prompt = molmo.prompt;
  prompt.prompt_templates = f.choice("prompt_type", PromptTemplates::kNone);
  prompt.message_format = f.choice("message_formatting", MessageFormat::kNone);
  prompt.system_prompt = f.choice("system_prompt_kind", SystemPrompt::kStyle);
  prompt.always_start_with_space = f.flag("always_start_with_space", true);
  prompt.default_inference_len = f.integer("default_inference_len", 65);
  const bool has_old_name = !f.has("multi_annotation_weighting") && f.has("loss_token_weighting");
  prompt.annotation_weighting =
      f.choice(has_old_name ? "loss_token_weighting" : "multi_annotation_weighting", AnnotationWeighting::kNone);
  if (f.flag("pad_tokenizer", true)) molmo.tokenizer.pad_to = molmo.model.decoder.vocab_size;
}

// Every range and rule, too.
ModelConfig checked(const ModelConfig& model, const std::string& where) {
  return from_json<ModelConfig>(to_json(model), where);
}

// The id of the end token, which the public code keeps with the model or with its tokenizer, if it says it at all.
std::optional<int64_t> stated_eos(const JsonFields& f) {
  if (f.has("eos_token_id")) return f.integer("eos_token_id", 0);
  if (!f.has("tokenizer") || !f.json().at("tokenizer").is_object()) return std::nullopt;
  const JsonFields tokenizer(f.json().at("tokenizer"), f.where() + ", tokenizer");
  if (tokenizer.has("eos_token_id")) return tokenizer.integer("eos_token_id", 0);
  return std::nullopt;
}

}  // namespace

ModelConfig model_from_native(const Json& native, const std::string& where) {
  return checked(read_model(JsonFields(native, where)), where);
}

PreprocessConfig preprocess_for(const ModelConfig& model) {
  PreprocessConfig p;
  p.resize = resize_of(model.vit.kind);
  p.normalize = normalization_of(model.vit.kind);
  p.image_height = model.vit.image_height;
  p.image_width = model.vit.image_width;
  p.patch_size = model.vit.patch_size;
  p.pool_height = model.connector.pool_height;
  p.pool_width = model.connector.pool_width;
  p.use_image_masks = model.connector.padding_embed != PaddingEmbedKind::kNone;
  return p;
}

MolmoConfig molmo_from_checkpoint_config(const Json& yaml, const std::string& where,
                                         std::vector<std::string>* unknown) {
  if (!yaml.is_object())
    throw Error(fmt::format("[config] {}: not a mapping, expected a config.yaml of the public code", where));
  const JsonFields fields(yaml.contains("model") ? yaml.at("model") : yaml, where);
  MolmoConfig molmo = molmo_from_native(fields);
  const int vocab_size = molmo.model.decoder.vocab_size;
  molmo.tokenizer.pad_to = vocab_size;
  std::optional<int64_t> eos = known_eos(vocab_size);
  if (!eos) eos = stated_eos(fields);
  if (!eos) fields.fail("eos_token_id", fmt::format("an id, as no released model has a vocab_size of {}", vocab_size));
  molmo.tokenizer.eos_id = *eos;
  if (unknown != nullptr) *unknown = fields.unknown();
  return from_json<MolmoConfig>(to_json(molmo), where);  // what is read can be written and read again
}

MolmoConfig molmo_from_native(const Json& native, const std::string& where) {
  return molmo_from_native(JsonFields(native, where));
}

MolmoConfig molmo_from_native(const JsonFields& fields) {
  MolmoConfig molmo;
  molmo.model = checked(read_model(fields), fields.where());
  molmo.preprocess = preprocess_for(molmo.model);
  read_inputs(fields, molmo);
  return molmo;
}

}  // namespace molmo::config
