// SPDX-License-Identifier: Apache-2.0
#include "model/decoder_block.h"

#include "nn/activation.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

using config::BlockKind;

nn::Norm make_norm(const config::DecoderConfig& config, int64_t width, const ParamScope& scope) {
  return nn::Norm(config.norm, width, config.norm_bias, config.norm_eps, scope);
}

}  // namespace

Init linear_init(const config::DecoderConfig& config, double scale) {
  const double std = config.init_std * scale;
  return config.init_cutoff ? Init::truncated(std, *config.init_cutoff * std) : Init::normal(std);
}

QkvProjection::QkvProjection(const config::DecoderConfig& config, Init init, const ParamScope& scope)
    : width_(config.width),
      kv_width_(int64_t{config.num_kv_heads} * config.head_dim()),
      is_fused_(config.block != BlockKind::kLlama) {
  const bool has_bias = config.qkv_bias || config.linear_bias;
  if (is_fused_) {
    fused_ = nn::Linear(width_, width_ + 2 * kv_width_, has_bias, init, scope / "att_proj");
  } else {
    q_ = nn::Linear(width_, width_, config.qkv_bias, init, scope / "q_proj");
    k_ = nn::Linear(width_, kv_width_, config.qkv_bias, init, scope / "k_proj");
    v_ = nn::Linear(width_, kv_width_, config.qkv_bias, init, scope / "v_proj");
  }
}

std::array<Tensor, 3> QkvProjection::operator()(const Tensor& x, at::ScalarType compute) const {
  if (!is_fused_) return {q_(x, compute), k_(x, compute), v_(x, compute)};
  const std::vector<Tensor> parts = fused_(x, compute).split_with_sizes({width_, kv_width_, kv_width_}, -1);
  return {parts[0], parts[1], parts[2]};
}

GatedFeedForward::GatedFeedForward(const config::DecoderConfig& config, Init in, Init out, const ParamScope& scope)
    : is_fused_(config.block != BlockKind::kLlama) {
  const int64_t width = config.width, hidden = config.ffn_width;
  if (is_fused_) {
    fused_ = nn::Linear(width, 2 * hidden, config.linear_bias, in, scope / "ff_proj");
  } else {
    gate_ = nn::Linear(width, hidden, config.linear_bias, in, scope / "ff_proj1");
    up_ = nn::Linear(width, hidden, config.linear_bias, in, scope / "ff_proj2");
  }
  out_ = nn::Linear(hidden, width, config.linear_bias, out, scope / "ff_out");
}

Tensor GatedFeedForward::operator()(const Tensor& x, at::ScalarType compute) const {
  return out_(is_fused_ ? nn::swiglu_fused(fused_(x, compute)) : nn::swiglu(up_(x, compute), gate_(x, compute)),
              compute);
}

DecoderBlock::DecoderBlock(const config::DecoderConfig& config, int index, ParamScope scope)
    : config_(config), index_(index), qkv_(config, linear_init(config), scope) {
  attn_out_ = nn::Linear(config.width, config.width, config.linear_bias, linear_init(config), scope / "attn_out");
  if (config.block == BlockKind::kMoe) {
    mixture_ = nn::Mixture({.width = config.width,
                            .hidden = config.ffn_width,
                            .num_experts = config.num_experts,
                            .experts_per_token = config.experts_per_token},
                           linear_init(config), scope / "ffn");
  } else {
    // PARITY: only the last projection carries the depth scaling (trap T25).
    feed_forward_ = GatedFeedForward(config, linear_init(config),
                                     linear_init(config, 1.0 / std::sqrt(2.0 * config.num_layers)), scope);
  }
  attn_norm_ = make_norm(config, config.width, scope / "attn_norm");
  ff_norm_ = make_norm(config, config.width, scope / "ff_norm");
  if (config.qk_norm) {  // PARITY: unlike all other norms these decay
    q_norm_ = make_norm(config, config.width, scope.decaying() / "q_norm");
    k_norm_ = make_norm(config, int64_t{config.num_kv_heads} * config.head_dim(), scope.decaying() / "k_norm");
  }
  unit_ = Unit(scope, index);
}

void DecoderBlock::tap_first(const char* name, const Tensor& value) const {
  if (index_ == 0) tap(name, value);
}

Tensor DecoderBlock::attention(const Tensor& x, const BlockContext& context) const {
  const ForwardOptions& options = context.options;
  auto [q, k, v] = qkv_(x, options.compute);  // [B, S, D], 2 x [B, S, K*Dh]
  if (config_.clip_qkv) {
    for (Tensor* part : {&q, &k, &v}) *part = part->clamp(-*config_.clip_qkv, *config_.clip_qkv);
  }
  if (config_.qk_norm) {  // over all heads together, before they are split (trap T14)
    tap_first("decoder.block.0.q_norm", q = q_norm_(q).to(options.compute));
    tap_first("decoder.block.0.k_norm", k = k_norm_(k).to(options.compute));
  }
  q = nn::split_heads(q, config_.num_heads);     // [B, H, S, Dh]
  k = nn::split_heads(k, config_.num_kv_heads);  // [B, K, S, Dh]
  v = nn::split_heads(v, config_.num_kv_heads);  // [B, K, S, Dh]
  if (context.rope.sin.defined()) {
    q = nn::apply_rope(q, context.rope);
    k = nn::apply_rope(k, context.rope);
  }
  const nn::AttentionOptions of_layer{.layer = index_,
                                      .in_float32 = config_.direct_attention,
                                      .dropout = options.dropout.attention,
                                      .dropout_keys = options.dropout.token_keys,
                                      .site = nn::block_site(index_, nn::BlockSite::kProbabilities)};
  return attn_out_(nn::attend(q, k, v, context.attention, of_layer), options.compute);  // [B, S, D]
}

Tensor DecoderBlock::mixture(const Tensor& x, const ForwardOptions& options, TensorList& router_losses) const {
  const Tensor tokens = x.reshape({-1, config_.width});  // [B*S or M, D]
  const nn::Routing routing = mixture_.route(tokens, options.compute);
  tap("decoder.block.", index_, ".router_probs", routing.probs);
  tap("decoder.block.", index_, ".experts", routing.experts);
  if (options.router_losses != nullptr) router_losses = {nn::load_balance(routing), nn::router_z(routing)};
  return mixture_(tokens, routing, options.compute).view_as(x);
}

TensorList DecoderBlock::operator()(const Tensor& x, const BlockContext& context, const Tensor& kept) const {
  const bool after = config_.norm_after, is_mixture = config_.block == BlockKind::kMoe;
  const auto normed = [&](const nn::Norm& norm, const char* name, const Tensor& value) {
    const Tensor result = norm(value);
    tap_first(name, result);
    return result;
  };
  Tensor branch = attention(after ? x : normed(attn_norm_, "decoder.block.0.attn_norm", x), context);
  tap_first("decoder.block.0.attn_out", branch);
  if (after) branch = normed(attn_norm_, "decoder.block.0.attn_norm", branch);
  nn::DropoutState dropout = context.options.dropout;
  Tensor mixed =
      x + nn::drop_residual(branch, dropout, nn::block_site(index_, nn::BlockSite::kAttention));  // [B, S, D]
  if (kept.defined()) {
    mixed = mixed.flatten(0, 1).index_select(0, kept);  // [M, D]
    dropout = nn::dropout_of(dropout, kept);
  }

  TensorList router_losses;
  const Tensor inner = after ? mixed : normed(ff_norm_, "decoder.block.0.ff_norm", mixed);
  branch = is_mixture ? mixture(inner, context.options, router_losses) : feed_forward_(inner, context.options.compute);
  tap_first(is_mixture ? "decoder.block.0.ffn" : "decoder.block.0.ff_out", branch);
  if (after) branch = normed(ff_norm_, "decoder.block.0.ff_norm", branch);
  TensorList outputs{mixed + nn::drop_residual(branch, dropout, nn::block_site(index_, nn::BlockSite::kFeedForward))};
  outputs.insert(outputs.end(), router_losses.begin(), router_losses.end());
  return outputs;
}

}  // namespace molmo::model
