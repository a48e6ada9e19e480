// The model: vision tower, connector, decoder. Names follow the paper; the reference's names are mapped in
// config/native_config.h. Paper: [P §2] [P Table 6]. Facts: spec/model.md §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/field.h"

namespace molmo::config {

enum class TowerKind { kOpenai, kSiglip, kDino };  ///< MetaCLIP is kOpenai with all 24 blocks
enum class Activation { kQuickGelu, kGelu, kGeluTanh, kSilu, kRelu };
enum class PoolingKind { kAttentionMeanQuery, kAttention, kStack, kNone };
enum class ProjectorKind { kMlp, kLinear, kTwoMlps };
enum class PaddingEmbedKind { kNone, kPadEmbed, kRegress, kPadAndPartialPad };
enum class BlockKind { kSequential, kMoe, kLlama };
enum class NormKind { kRms, kLayerNorm };

// No model is near these limits; they keep a damaged file from asking for endless work.
inline constexpr int kMaxWidth = 1 << 20, kMaxLayers = 4096, kMaxHeads = 4096, kMaxRows = 1 << 24;

/// Vision transformer. `num_layers` counts the blocks that exist (CLIP: 23 of 24).
struct VitConfig {
  TowerKind kind = TowerKind::kOpenai;
  int image_height = 336, image_width = 336;  ///< pixels of a crop
  int patch_size = 14;
  int width = 1024;  ///< Dv
  int num_layers = 23;
  int num_heads = 16, num_kv_heads = 16, head_dim = 64;
  int mlp_width = 4096;
  Activation activation = Activation::kQuickGelu;
  int num_positions = 577;  ///< rows of the stored position table, class row included
  double norm_eps = 1e-5;
  double init_std = 0.02;  ///< of fresh linear weights here and in the connector; narrow towers learn faster from more

  bool has_class_token() const { return kind != TowerKind::kSiglip; }
  bool has_pre_norm() const { return kind == TowerKind::kOpenai; }
  bool has_patch_bias() const { return kind != TowerKind::kOpenai; }
  bool has_layer_scale() const { return kind == TowerKind::kDino; }
  int grid_height() const { return image_height / patch_size; }
  int grid_width() const { return image_width / patch_size; }
  int num_patches() const { return grid_height() * grid_width(); }  ///< N
  int patch_values() const { return 3 * patch_size * patch_size; }

  template <class V>
  void visit(V& v) {
    v({.name = "kind", .help = "tower family: class token, biases, pre-norm and layer scale follow from it"}, kind);
    v({.name = "image_height", .help = "height of a crop in pixels", .min = 1, .max = 16384}, image_height);
    v({.name = "image_width", .help = "width of a crop in pixels", .min = 1, .max = 16384}, image_width);
    v({.name = "patch_size", .help = "side of a patch in pixels", .min = 1, .max = 1024}, patch_size);
    v({.name = "width", .help = "width of the tower (Dv)", .min = 1, .max = kMaxWidth}, width);
    v({.name = "num_layers", .help = "blocks that exist (CLIP keeps 23 of 24)", .min = 1, .max = kMaxLayers},
      num_layers);
    v({.name = "num_heads", .help = "query heads", .min = 1, .max = kMaxHeads}, num_heads);
    v({.name = "num_kv_heads", .help = "key and value heads", .min = 1, .max = kMaxHeads}, num_kv_heads);
    v({.name = "head_dim", .help = "width of one head", .min = 1, .max = kMaxWidth}, head_dim);
    v({.name = "mlp_width", .help = "hidden width of a block's MLP", .min = 1, .max = kMaxWidth}, mlp_width);
    v({.name = "activation", .help = "activation of the MLPs"}, activation);
    v({.name = "num_positions",
       .help = "rows of the stored position table, class row included",
       .min = 1,
       .max = kMaxRows},
      num_positions);
    v({.name = "norm_eps", .help = "epsilon of the layer norms", .min = 0}, norm_eps);
    v({.name = "init_std", .help = "standard deviation of fresh linear weights of tower and connector", .min = 0},
      init_std);
  }
};

/// From tower features to decoder embeddings.
struct ConnectorConfig {
  std::vector<int> vit_layers = {-2, -9};  ///< block outputs that are concatenated, in this order [P Table 15a]
  int pool_height = 2, pool_width = 2;     ///< patches of a pooling window [P §2]
  PoolingKind pooling = PoolingKind::kAttentionMeanQuery;
  ProjectorKind projector = ProjectorKind::kMlp;
  int hidden_width = 18944;  ///< of the projector MLP; the released models use the decoder's ffn_width
  PaddingEmbedKind padding_embed = PaddingEmbedKind::kPadAndPartialPad;
  double feature_dropout = 0.0;

  template <class V>
  void visit(V& v) {
    v({.name = "vit_layers",
       .help = "tower blocks whose outputs are concatenated; negative counts from the end [P Table 15a]"},
      vit_layers);
    v({.name = "pool_height", .help = "rows of a pooling window, in patches", .min = 1, .max = 1024}, pool_height);
    v({.name = "pool_width", .help = "columns of a pooling window, in patches", .min = 1, .max = 1024}, pool_width);
    v({.name = "pooling", .help = "how a window becomes one token [P Table 2f]"}, pooling);
    v({.name = "projector", .help = "map from pooled features to decoder width"}, projector);
    v({.name = "hidden_width", .help = "hidden width of the projector MLP", .min = 1, .max = kMaxWidth}, hidden_width);
    v({.name = "padding_embed", .help = "embedding added to padded and partly padded patches"}, padding_embed);
    v({.name = "feature_dropout", .help = "dropout of the concatenated tower features", .min = 0, .max = 0.99},
      feature_dropout);
  }
};

/// Decoder-only language model.
struct DecoderConfig {
  BlockKind block = BlockKind::kSequential;
  int width = 3584;  ///< D
  int num_layers = 28;
  int num_heads = 28, num_kv_heads = 4;  ///< H, K; the head width is width / num_heads
  int ffn_width = 18944;                 ///< F, the real width (half of the reference's fused mlp_hidden_size)
  int vocab_size = 152064;               ///< entries of the tokenizer before the image tokens
  int embedding_size = 152064;           ///< rows of the base table and of the head
  int additional_vocab_size = 128;       ///< rows of the new-token table; 0: a single plain table
  NormKind norm = NormKind::kRms;
  double norm_eps = 1e-6;
  bool norm_after = false;  ///< post-norm (OLMo)
  bool qk_norm = false;     ///< full-width norms of q and k (OLMo)
  bool qkv_bias = true;
  bool linear_bias = false;  ///< bias of every other linear
  bool norm_bias = false;
  bool rope = true;  ///< false: learned positions
  double rope_theta = 1e6;
  int max_positions = 4096;
  bool tied_head = false;
  std::optional<double> clip_qkv;
  bool scale_logits = false, scale_embeddings = false;
  bool direct_attention = false;  ///< llama block: explicit float32 softmax
  int num_experts = 0, experts_per_token = 0;
  double load_balancing_weight = 0.0, router_z_weight = 0.0;
  double residual_dropout = 0.0;  ///< of both branch outputs, all positions
  double response_dropout = 0.0;  ///< where > 0: of positions whose target is a response token [P §4]
  double attention_dropout = 0.0, embedding_dropout = 0.0;
  double init_std = 0.02, embedding_init_std = 0.02;  ///< of fresh linear weights, and of the base embedding table
  std::optional<double> init_cutoff;                  ///< truncation of the normal, in standard deviations

  int head_dim() const { return width / num_heads; }  ///< Dh

  template <class V>
  void visit(V& v) {
    v({.name = "block", .help = "block type"}, block);
    v({.name = "width", .help = "width of the residual stream (D)", .min = 1, .max = kMaxWidth}, width);
    v({.name = "num_layers", .help = "number of blocks", .min = 1, .max = kMaxLayers}, num_layers);
    v({.name = "num_heads", .help = "query heads (H)", .min = 1, .max = kMaxHeads}, num_heads);
    v({.name = "num_kv_heads", .help = "key and value heads (K)", .min = 1, .max = kMaxHeads}, num_kv_heads);
    v({.name = "ffn_width",
       .help = "hidden width of the feed-forward part (F), per expert in an MoE",
       .min = 1,
       .max = kMaxWidth},
      ffn_width);
    v({.name = "vocab_size", .help = "tokenizer entries before the five image tokens", .min = 1, .max = kMaxRows},
      vocab_size);
    v({.name = "embedding_size", .help = "rows of the base embedding table and of the head", .min = 1, .max = kMaxRows},
      embedding_size);
    v({.name = "additional_vocab_size",
       .help = "rows of the new-token table; 0 for a single plain table",
       .min = 0,
       .max = kMaxRows},
      additional_vocab_size);
    v({.name = "norm", .help = "kind of the norms"}, norm);
    v({.name = "norm_eps", .help = "epsilon of all norms", .min = 0}, norm_eps);
    v({.name = "norm_after", .help = "norms act on the branch outputs (OLMo)"}, norm_after);
    v({.name = "qk_norm", .help = "norms of the whole q and k vectors before RoPE (OLMo)"}, qk_norm);
    v({.name = "qkv_bias", .help = "bias of the q, k and v projections"}, qkv_bias);
    v({.name = "linear_bias", .help = "bias of every other linear"}, linear_bias);
    v({.name = "norm_bias", .help = "bias of the layer norms"}, norm_bias);
    v({.name = "rope", .help = "rotary positions; false: a learned table"}, rope);
    v({.name = "rope_theta", .help = "base of the rotary frequencies", .min = 1}, rope_theta);
    v({.name = "max_positions", .help = "number of positions", .min = 1, .max = kMaxRows}, max_positions);
    v({.name = "tied_head", .help = "the head shares the embedding table"}, tied_head);
    v({.name = "clip_qkv", .help = "clamp of q, k and v; null: none", .min = 0}, clip_qkv);
    v({.name = "scale_logits", .help = "logits times 1/sqrt(width)"}, scale_logits);
    v({.name = "scale_embeddings", .help = "embeddings times sqrt(width)"}, scale_embeddings);
    v({.name = "direct_attention", .help = "llama block: explicit float32 softmax"}, direct_attention);
    v({.name = "num_experts", .help = "experts of an MoE block (E)", .min = 0, .max = kMaxWidth}, num_experts);
    v({.name = "experts_per_token", .help = "experts that each token uses", .min = 0, .max = kMaxWidth},
      experts_per_token);
    v({.name = "load_balancing_weight", .help = "weight of the load-balancing loss", .min = 0}, load_balancing_weight);
    v({.name = "router_z_weight", .help = "weight of the router z-loss", .min = 0}, router_z_weight);
    v({.name = "residual_dropout", .help = "dropout of the branch outputs at all positions", .min = 0, .max = 0.99},
      residual_dropout);
    v({.name = "response_dropout",
       .help = "dropout of the branch outputs where the target is a response token [P §4]",
       .min = 0,
       .max = 0.99},
      response_dropout);
    v({.name = "attention_dropout", .help = "dropout of attention probabilities", .min = 0, .max = 0.99},
      attention_dropout);
    v({.name = "embedding_dropout", .help = "dropout of the embeddings", .min = 0, .max = 0.99}, embedding_dropout);
    v({.name = "init_std", .help = "standard deviation of fresh weights", .min = 0}, init_std);
    v({.name = "embedding_init_std", .help = "standard deviation of a fresh base embedding table", .min = 0},
      embedding_init_std);
    v({.name = "init_cutoff",
       .help = "truncation of fresh weights, in standard deviations; null: none",
       .min = 0.5},  // closer in, redrawing what falls outside would take for ever
      init_cutoff);
  }
};

struct ModelConfig {
  VitConfig vit;
  ConnectorConfig connector;
  DecoderConfig decoder;

  /// Pooled tokens per crop (P), partial windows counted.
  int pooled_height() const { return (vit.grid_height() + connector.pool_height - 1) / connector.pool_height; }
  int pooled_width() const { return (vit.grid_width() + connector.pool_width - 1) / connector.pool_width; }

  template <class V>
  void visit(V& v) {
    v({.name = "vit", .help = "vision tower"}, vit);
    v({.name = "connector", .help = "from tower features to decoder embeddings"}, connector);
    v({.name = "decoder", .help = "language model"}, decoder);
  }
};

template <>
struct EnumNames<TowerKind> {
  static constexpr std::pair<TowerKind, std::string_view> values[] = {
      {TowerKind::kOpenai, "openai"}, {TowerKind::kSiglip, "siglip"}, {TowerKind::kDino, "dino"}};
};
template <>
struct EnumNames<Activation> {
  static constexpr std::pair<Activation, std::string_view> values[] = {{Activation::kQuickGelu, "quick_gelu"},
                                                                       {Activation::kGelu, "gelu"},
                                                                       {Activation::kGeluTanh, "gelu_pytorch_tanh"},
                                                                       {Activation::kSilu, "silu"},
                                                                       {Activation::kRelu, "relu"}};
};
template <>
struct EnumNames<PoolingKind> {
  static constexpr std::pair<PoolingKind, std::string_view> values[] = {
      {PoolingKind::kAttentionMeanQuery, "attention_meanq"},
      {PoolingKind::kAttention, "attention"},
      {PoolingKind::kStack, "stack"},
      {PoolingKind::kNone, "none"}};
};
template <>
struct EnumNames<ProjectorKind> {
  static constexpr std::pair<ProjectorKind, std::string_view> values[] = {
      {ProjectorKind::kMlp, "mlp"}, {ProjectorKind::kLinear, "linear"}, {ProjectorKind::kTwoMlps, "2mlp"}};
};
template <>
struct EnumNames<PaddingEmbedKind> {
  static constexpr std::pair<PaddingEmbedKind, std::string_view> values[] = {
      {PaddingEmbedKind::kNone, "none"},
      {PaddingEmbedKind::kPadEmbed, "pad_embed"},
      {PaddingEmbedKind::kRegress, "regress"},
      {PaddingEmbedKind::kPadAndPartialPad, "pad_and_partial_pad"}};
};
template <>
struct EnumNames<BlockKind> {
  static constexpr std::pair<BlockKind, std::string_view> values[] = {
      {BlockKind::kSequential, "sequential"}, {BlockKind::kMoe, "moe"}, {BlockKind::kLlama, "llama"}};
};
template <>
struct EnumNames<NormKind> {
  static constexpr std::pair<NormKind, std::string_view> values[] = {{NormKind::kRms, "rms"},
                                                                     {NormKind::kLayerNorm, "layer_norm"}};
};

}  // namespace molmo::config
