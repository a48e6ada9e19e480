// SPDX-License-Identifier: Apache-2.0
#include "config/native_writer.h"

#include <nlohmann/json.hpp>

namespace molmo::config {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <class E>
Json name_or_null(E value, E none) {
  return value == none ? Json(nullptr) : Json(enum_name(value));
}

Json vit_to_native(const VitConfig& vit, ResizeKind resize) {
  return {{"image_model_type", enum_name(vit.kind)},
          {"image_default_input_size", {vit.image_height, vit.image_width}},
          {"image_patch_size", vit.patch_size},
          {"image_pos_patch_size", vit.patch_size},
          {"image_emb_dim", vit.width},
          {"image_num_heads", vit.num_heads},
          {"image_num_key_value_heads", vit.num_kv_heads},
          {"image_num_layers", vit.num_layers},
          {"image_head_dim", vit.head_dim},
          {"image_mlp_dim", vit.mlp_width},
          {"image_mlp_activations", enum_name(vit.activation)},
          {"image_dropout_rate", 0.0},
          {"image_num_pos", vit.num_positions},
          {"image_norm_eps", vit.norm_eps},
          {"attention_dropout", 0.0},
          {"residual_dropout", 0.0},
          {"initializer_range", 0.02},
          {"resize_mode", enum_name(resize)}};
}

// Fields of the decoder; the feed-forward width is the fused one (trap T5).
Json decoder_to_native(const DecoderConfig& d) {
  return {{"d_model", d.width},
          {"n_heads", d.num_heads},
          {"n_kv_heads", d.num_kv_heads},
          {"n_layers", d.num_layers},
          {"mlp_hidden_size", 2 * int64_t{d.ffn_width}},
          {"activation_type", d.block == BlockKind::kLlama ? "llama_swiglu" : "swiglu"},
          {"block_type", enum_name(d.block)},
          {"rope", d.rope},
          {"rope_full_precision", true},
          {"rope_theta", d.rope_theta},
          {"attention_type", d.direct_attention ? "direct" : "sdpa"},
          {"attention_layer_norm", d.qk_norm},
          {"qkv_bias", d.qkv_bias},
          {"clip_qkv", or_null(d.clip_qkv)},
          {"norm_after", d.norm_after},
          {"layer_norm_type", d.norm == NormKind::kRms ? "rms" : "default"},
          {"layer_norm_eps", d.norm_eps},
          {"bias_for_layer_norm", d.norm_bias},
          {"include_bias", d.linear_bias},
          {"max_sequence_length", d.max_positions},
          {"max_position_embeddings", d.max_positions},
          {"scale_logits", d.scale_logits},
          {"normalize_input_embeds", d.scale_embeddings},
          {"use_position_ids", true},
          {"vocab_size", d.vocab_size},
          {"embedding_size", d.embedding_size},
          {"additional_vocab_size", d.additional_vocab_size > 0 ? Json(d.additional_vocab_size) : Json(nullptr)},
          {"weight_tying", d.tied_head},
          {"attention_dropout", d.attention_dropout},
          {"residual_dropout", d.residual_dropout},
          {"response_residual_dropout", d.response_dropout},
          {"embedding_dropout", d.embedding_dropout},
          {"init_std", d.init_std},
          {"init_cutoff_factor", or_null(d.init_cutoff)}};
}

Json experts_to_native(const DecoderConfig& d) {
  return {{"moe_num_experts", d.num_experts},
          {"moe_top_k", d.experts_per_token},
          {"moe_mlp_impl", "sparse"},
          {"moe_dropless", true},
          {"moe_loss_weight", d.load_balancing_weight},
          {"moe_zloss_weight", d.router_z_weight}};
}

Json connector_to_native(const ConnectorConfig& c) {
  return {{"vit_layers", c.vit_layers},
          {"image_pooling_h", c.pool_height},
          {"image_pooling_w", c.pool_width},
          {"image_pooling_2d", enum_name(c.pooling)},
          {"image_projector", enum_name(c.projector)},
          {"image_padding_embed", name_or_null(c.padding_embed, PaddingEmbedKind::kNone)},
          {"image_feature_dropout", c.feature_dropout}};
}

Json inputs_to_native(const MolmoConfig& molmo) {
  const PreprocessConfig& p = molmo.preprocess;
  const PromptConfig& prompt = molmo.prompt;
  return {{"crop_mode", enum_name(p.crop_mode)},
          {"max_crops", p.max_crops},
          {"overlap_margins", p.overlap_margins},
          {"pad_value", p.pad_value},
          {"use_col_tokens", p.use_col_tokens},
          {"prompt_type", enum_name(prompt.prompt_templates)},
          {"message_formatting", enum_name(prompt.message_format)},
          {"system_prompt_kind", enum_name(prompt.system_prompt)},
          {"always_start_with_space", prompt.always_start_with_space},
          {"default_inference_len", or_null(prompt.default_inference_len)},
          {"multi_annotation_weighting", name_or_null(prompt.annotation_weighting, AnnotationWeighting::kNone)},
          {"pad_tokenizer", molmo.tokenizer.pad_to.has_value()}};
}

}  // namespace

Json to_native(const MolmoConfig& molmo) {
  Json native = decoder_to_native(molmo.model.decoder);
  if (molmo.model.decoder.block == BlockKind::kMoe) native.update(experts_to_native(molmo.model.decoder));
  native.update(connector_to_native(molmo.model.connector));
  native.update(inputs_to_native(molmo));
  native["vision_backbone"] = vit_to_native(molmo.model.vit, molmo.preprocess.resize);
  return native;
}

}  // namespace molmo::config
