// SPDX-License-Identifier: Apache-2.0
#include "config/hf_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "molmo/error.h"

namespace molmo::config {
namespace {

constexpr std::string_view kOne = "1|1.0", kNone = "false|0|0.0|[]", kSilu = "\"silu\"|\"swiglu\"";

// Names of several model families for what a plain decoder lacks, with the values that say so. Null always does.
constexpr FixedField kPlainDecoder[] = {{"hidden_act", kSilu},
                                        {"hidden_activation", kSilu},
                                        {"activation_function", kSilu},
                                        {"attention_bias", kNone},
                                        {"mlp_bias", kNone},
                                        {"position_embedding_type", "\"rope\"|\"rotary\""},
                                        {"alibi", kNone},
                                        {"use_alibi", kNone},
                                        {"partial_rotary_factor", kOne},
                                        {"rotary_pct", kOne},
                                        {"rotary_dim", ""},
                                        {"rope_interleave", kNone},
                                        {"rope_interleaved", kNone},
                                        {"rope_local_base_freq", ""},
                                        {"no_rope_layers", kNone},
                                        {"use_sliding_window", kNone},
                                        {"attention_chunk_size", ""},
                                        {"use_bidirectional_attention", kNone},
                                        {"is_causal", "true"},
                                        {"attn_logit_softcapping", ""},
                                        {"attn_logit_softcap", ""},
                                        {"final_logit_softcapping", ""},
                                        {"final_logit_softcap", ""},
                                        {"logit_softcapping", ""},
                                        {"logits_soft_cap", ""},
                                        {"logit_scale", kOne},
                                        {"logits_scaling", kOne},
                                        {"logits_scale", kOne},
                                        {"residual_multiplier", kOne},
                                        {"embedding_multiplier", kOne},
                                        {"attention_multiplier", ""},
                                        {"scale_emb", kOne},
                                        {"scale_depth", ""},
                                        {"dim_model_base", ""},
                                        {"scale_embedding", kNone},
                                        {"scale_attn_weights", "true"},
                                        {"scale_attn_by_inverse_layer_idx", kNone},
                                        {"qk_norm", kNone},
                                        {"use_qk_norm", kNone},
                                        {"qk_layernorm", kNone},
                                        {"qk_norm_type", ""},
                                        {"norm_topk_prob", kNone},
                                        {"scoring_func", "\"softmax\""},
                                        {"routed_scaling_factor", kOne},
                                        {"num_local_experts", kNone},
                                        {"n_routed_experts", kNone},
                                        {"n_shared_experts", kNone},
                                        {"num_shared_experts", kNone},
                                        {"shared_expert_intermediate_size", kNone},
                                        {"first_k_dense_replace", kNone},
                                        {"decoder_sparse_step", "1"},
                                        {"mlp_only_layers", kNone},
                                        {"num_nextn_predict_layers", kNone},
                                        {"use_parallel_residual", kNone},
                                        {"parallel_attn", kNone},
                                        {"is_encoder_decoder", kNone},
                                        {"add_cross_attention", kNone}};

constexpr const char* kBookkeeping[] = {
    "model_type", "architectures", "auto_map", "torch_dtype", "dtype", "transformers_version", "_name_or_path",
    "_attn_implementation", "_attn_implementation_autoset", "attn_implementation", "use_cache", "tokenizer_class",
    "unsloth_version", "unsloth_fixed", "initializer_range", "initializer_factor", "init_std", "pretraining_tp",
    "max_window_layers", "is_decoder", "tie_encoder_decoder", "cross_attention_hidden_size",
    // tokens that are not EOS
    "bos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
    // of training
    "attention_dropout", "residual_dropout", "embedding_dropout", "hidden_dropout", "hidden_dropout_prob",
    "attention_probs_dropout_prob", "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout", "drop_path_rate",
    "classifier_dropout", "gradient_checkpointing", "output_router_logits", "router_aux_loss_coef",
    "router_jitter_noise",
    // of other tasks
    "id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params", "prefix",
    "pruned_heads", "remove_invalid_values", "torchscript", "use_bfloat16", "tf_legacy_loss", "output_attentions",
    "output_hidden_states", "output_scores", "return_dict", "return_dict_in_generate", "chunk_size_feed_forward",
    // generation's, which Transformers once kept here
    "do_sample", "temperature", "top_k", "top_p", "typical_p", "num_beams", "num_beam_groups", "num_return_sequences",
    "max_length", "min_length", "max_new_tokens", "early_stopping", "length_penalty", "diversity_penalty",
    "repetition_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
    "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens",
    "exponential_decay_length_penalty"};

// What may stand in a description of rotary positions that are not scaled.
constexpr FixedField kPlainRope[] = {{"rope_type", "\"default\""},
                                     {"type", "\"default\""},
                                     {"factor", kOne},
                                     {"attention_factor", kOne},
                                     {"partial_rotary_factor", kOne}};
constexpr const char* kRopeBookkeeping[] = {"original_max_position_embeddings"};

// Notes a base of frequencies; two that differ are refused.
void agree(const JsonFields& fields, double theta, std::optional<double>& found) {
  if (found && *found != theta) fields.fail("rope_theta", fmt::format("{}, as elsewhere in the file", *found));
  found = theta;
}

void read_rope_object(const JsonFields& rope, std::optional<double>& found) {
  rope.expect_fixed(kPlainRope);
  rope.ignore(kRopeBookkeeping);
  if (rope.has("rope_theta")) agree(rope, rope.number("rope_theta", 0), found);
  for (const auto& [key, value] : rope.json().items()) {
    if (value.is_object()) {  // "full_attention": {...}, one for each kind of layer
      read_rope_object(rope.object(key.c_str()), found);
    } else if (!value.is_null() && key != "rope_theta" && key != *kRopeBookkeeping &&
               std::none_of(std::begin(kPlainRope), std::end(kPlainRope),
                            [&, name = std::string_view(key)](const FixedField& field) { return name == field.key; })) {
      rope.fail(key.c_str(), "nothing: scaled rotary positions are not computed here");
    }
  }
}

}  // namespace

double read_rope_theta(const JsonFields& fields, double fallback) {
  std::optional<double> theta;
  if (fields.has("rope_theta")) theta = fields.number("rope_theta", 0);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (fields.has(key)) read_rope_object(fields.object(key), theta);
  }
  return theta.value_or(fallback);
}

void expect_plain_decoder(const JsonFields& fields, int width, int num_heads) {
  fields.expect_fixed(kPlainDecoder);
  if (fields.has("sliding_window") && fields.flag("use_sliding_window", true))
    fields.fail("sliding_window", "null, or use_sliding_window false: a token attends to all before it");
  if (fields.has("layer_types")) {
    const Json& types = fields.json().at("layer_types");
    if (!types.is_array() ||
        std::any_of(types.begin(), types.end(), [](const Json& t) { return t != "full_attention"; }))
      fields.fail("layer_types", "full_attention in every layer");
  }
  if (fields.has("head_dim") && int64_t{fields.integer("head_dim", 0)} * num_heads != width)
    fields.fail("head_dim", fmt::format("the width of {} over {} heads, or null", width, num_heads));
}

void refuse_quantized(const JsonFields& fields) {
  for (const char* key : {"quantization_config", "compression_config"}) {
    if (!fields.has(key)) continue;
    const Json& given = fields.json().at(key);
    const auto method = given.is_object() ? given.find("quant_method") : given.end();
    throw Error(
        fmt::format("[config] {}: a quantized copy ('{}'{}), expected weights in float32, float16 or bfloat16: "
                    "load the original model",
                    fields.where(), key, method == given.end() ? "" : ": " + brief(*method)));
  }
}

void ignore_bookkeeping(const JsonFields& fields) { fields.ignore(kBookkeeping); }

}  // namespace molmo::config
