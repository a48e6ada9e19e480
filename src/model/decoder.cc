// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include <limits>

#include "base/check.h"
#include "nn/activation.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

// PARITY: masked scores get the lowest finite float32, so that fully masked rows stay finite.
constexpr float kMasked = std::numeric_limits<float>::lowest();

nn::Norm make_norm(const config::DecoderConfig& config, int64_t width, const ParamScope& scope) {
  return nn::Norm(config.norm, width, config.norm_bias, config.norm_eps, scope);
}

Init linear_init(const config::DecoderConfig& config, double scale = 1.0) {
  const double std = config.init_std * scale;
  return config.init_cutoff ? Init::truncated(std, *config.init_cutoff * std) : Init::normal(std);
}

Tensor causal(int64_t size, const at::Device& device) {
  const Tensor index = at::arange(size, at::TensorOptions().dtype(at::kLong).device(device));
  return index.unsqueeze(0) <= index.unsqueeze(1);  // [S, S]: key <= query
}

Tensor bias_from(const Tensor& allowed) {
  return at::zeros(allowed.sizes(), allowed.options().dtype(at::kFloat)).masked_fill_(allowed.logical_not(), kMasked);
}

}  // namespace

DecoderBlock::DecoderBlock(const config::DecoderConfig& config, int index, ParamScope scope) : config_(config), index_(index) {
  const int64_t width = config.width, kv_width = int64_t{config.num_kv_heads} * config.head_dim();
  att_proj_ = nn::Linear(width, width + 2 * kv_width, config.qkv_bias || config.linear_bias, linear_init(config), scope / "att_proj");
  attn_out_ = nn::Linear(width, width, config.linear_bias, linear_init(config), scope / "attn_out");
  ff_proj_ = nn::Linear(width, 2 * int64_t{config.ffn_width}, config.linear_bias, linear_init(config), scope / "ff_proj");
  // PARITY: only this projection carries the depth scaling (trap T25).
  ff_out_ = nn::Linear(config.ffn_width, width, config.linear_bias, linear_init(config, 1.0 / std::sqrt(2.0 * config.num_layers)), scope / "ff_out");
  attn_norm_ = make_norm(config, width, scope / "attn_norm");
  ff_norm_ = make_norm(config, width, scope / "ff_norm");
  if (config.qk_norm) {
    q_norm_ = make_norm(config, width, scope / "q_norm");
    k_norm_ = make_norm(config, kv_width, scope / "k_norm");
  }
  unit_ = Unit(scope);
}

void DecoderBlock::tap_first(const char* name, const Tensor& value) const {
  if (index_ == 0) tap(name, value);
}

Tensor DecoderBlock::attention(const Tensor& x, const BlockContext& context) const {
  const at::ScalarType compute = context.options.compute;
  const int64_t kv_width = int64_t{config_.num_kv_heads} * config_.head_dim();
  Tensor qkv = att_proj_(x, compute);  // [B, S, D + 2 K Dh]
  if (config_.clip_qkv) qkv = qkv.clamp(-*config_.clip_qkv, *config_.clip_qkv);
  std::vector<Tensor> parts = qkv.split_with_sizes({config_.width, kv_width, kv_width}, -1);
  if (config_.qk_norm) {  // over all heads together, before they are split (trap T14)
    tap_first("decoder.block.0.q_norm", parts[0] = q_norm_(parts[0]).to(compute));
    tap_first("decoder.block.0.k_norm", parts[1] = k_norm_(parts[1]).to(compute));
  }
  const Tensor q = nn::apply_rope(nn::split_heads(parts[0], config_.num_heads), context.rope);  // [B, H, S, Dh]
  Tensor k = nn::apply_rope(nn::split_heads(parts[1], config_.num_kv_heads), context.rope);     // [B, K, S, Dh]
  Tensor v = nn::split_heads(parts[2], config_.num_kv_heads);                                   // [B, K, S, Dh]
  if (context.cache != nullptr) std::tie(k, v) = context.cache->append(index_, k, v);           // [B, K, Sk, Dh]
  return attn_out_(nn::attend(q, k, v, context.mask), compute);                                 // [B, S, D]
}

Tensor DecoderBlock::feed_forward(const Tensor& x, at::ScalarType compute) const {
  return ff_out_(nn::swiglu_fused(ff_proj_(x, compute)), compute);
}

Tensor DecoderBlock::operator()(const Tensor& x, const BlockContext& context) const {
  const bool after = config_.norm_after;
  const auto normed = [&](const nn::Norm& norm, const char* name, const Tensor& value) {
    const Tensor result = norm(value);
    tap_first(name, result);
    return result;
  };
  Tensor branch = attention(after ? x : normed(attn_norm_, "decoder.block.0.attn_norm", x), context);
  tap_first("decoder.block.0.attn_out", branch);
  if (after) branch = normed(attn_norm_, "decoder.block.0.attn_norm", branch);
  const Tensor mixed = x + nn::drop_residual(branch, context.options.dropout);  // [B, S, D]

  branch = feed_forward(after ? mixed : normed(ff_norm_, "decoder.block.0.ff_norm", mixed), context.options.compute);
  tap_first("decoder.block.0.ff_out", branch);
  if (after) branch = normed(ff_norm_, "decoder.block.0.ff_norm", branch);
  return mixed + nn::drop_residual(branch, context.options.dropout);
}

Decoder::Decoder(const config::DecoderConfig& config, ParamScope scope) : config_(config) {
  embedding_ = scope.add("wte.embedding", {config.embedding_size, config.width}, Init::normal(0.02));
  new_embedding_ = scope.add("wte.new_embedding", {config.additional_vocab_size, config.width}, Init::normal(0.02));
  embedding_unit_ = Unit(scope / "wte");
  for (int i = 0; i < config.num_layers; ++i) blocks_.emplace_back(config, i, scope / "blocks" / std::to_string(i));
  final_norm_ = make_norm(config, config.width, scope / "ln_f");
  norm_unit_ = Unit(scope / "ln_f");
  head_ = nn::Linear(config.width, config.embedding_size, config.linear_bias, linear_init(config), scope / "ff_out");
  head_unit_ = Unit(scope / "ff_out");
}

Tensor Decoder::embed(const Tensor& ids) const {
  return run_unit(embedding_unit_, ids, [&](const Tensor& in) {
    const Tensor safe = in.clamp_min(0);
    // One lookup per table instead of a concatenation of both (trap T35): same values, same gradients.
    const Tensor is_new = safe >= config_.embedding_size;
    const Tensor base = at::embedding(embedding_.value(), at::where(is_new, 0, safe));
    const Tensor fresh = at::embedding(new_embedding_.value(), at::where(is_new, safe - config_.embedding_size, 0));
    const Tensor x = at::where(is_new.unsqueeze(-1), fresh, base);  // [B, S, D]
    return config_.scale_embeddings ? x * std::sqrt(static_cast<double>(config_.width)) : x;
  });
}

nn::AttentionMask Decoder::attention_mask(const Tensor& ids, const Tensor& subsegments, const KvCache* cache) const {
  if (cache != nullptr && cache->length() > 0) {  // every earlier token that is real, and the new ones causally
    MOLMO_CHECK(ids.size(1) == 1, "a filled KV cache takes one token per pass");
    const Tensor seen = at::cat({cache->valid().slice(1, 0, cache->length()), ids != -1}, 1);  // [B, Sk]
    return {.is_causal = false, .bias = bias_from(seen.unsqueeze(1).unsqueeze(1))};
  }
  // Right padding lies behind every real query, so plain causality is enough; padded rows are never read.
  if (!subsegments.defined() && !taps_are_heard()) return {.is_causal = true, .bias = {}};
  const Tensor real = ids != -1;                                                          // [B, S]
  Tensor allowed = causal(ids.size(1), ids.device()).unsqueeze(0).logical_and(real.unsqueeze(1));  // [B, S, S]
  if (subsegments.defined()) {
    const Tensor visible = subsegments.unsqueeze(2) <= subsegments.unsqueeze(1);  // query's id <= key's id (trap T18)
    allowed = allowed.logical_and(visible).logical_and(real.unsqueeze(2));
  }
  const Tensor bias = bias_from(allowed.unsqueeze(1));  // [B, 1, S, S]
  tap("decoder.attention_bias", bias);
  return {.is_causal = false, .bias = bias};
}

Tensor Decoder::operator()(const Tensor& embeddings, const Tensor& ids, const Tensor& positions, const Tensor& subsegments,
                           KvCache* cache, const ForwardOptions& options) const {
  expect_shape("decoder embeddings", embeddings, {ids.size(0), ids.size(1), config_.width});
  expect_shape("decoder positions", positions, {ids.size(0), ids.size(1)});
  tap("decoder.position_ids", positions);
  const Tensor safe_positions = positions.clamp_min(0);  // padding carries -1 (trap T17)
  nn::RopeTables rope = nn::rope_tables(safe_positions, config_.head_dim(), config_.rope_theta);  // [B, S, Dh]
  const BlockContext context{.rope = {rope.sin.unsqueeze(1), rope.cos.unsqueeze(1)},
                             .mask = attention_mask(ids, subsegments, cache),
                             .cache = cache,
                             .options = options};
  Tensor x = nn::drop(embeddings, options.dropout.embedding, options.dropout.generator);
  tap("decoder.embeddings", x);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = run_unit(blocks_[i].unit(), x, [&](const Tensor& h) { return blocks_[i](h, context); });  // [B, S, D]
    tap("decoder.block.", static_cast<int64_t>(i), "", x);
  }
  if (cache != nullptr) cache->advance(ids != -1);
  x = run_unit(norm_unit_, x, [&](const Tensor& h) { return final_norm_(h); });
  tap("decoder.final_norm", x);
  return x;
}

Tensor Decoder::head(const Tensor& hidden, at::ScalarType compute) const {
  return run_unit(head_unit_, hidden, [&](const Tensor& h) {
    const Tensor logits = head_(h, compute);
    return config_.scale_logits ? logits / std::sqrt(static_cast<double>(config_.width)) : logits;
  });
}

Tensor derive_positions(const Tensor& ids) { return ((ids != -1).to(at::kLong).cumsum(1) - 1).clamp_min(0); }

}  // namespace molmo::model
