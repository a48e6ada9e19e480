// One transformer block of the decoder: pre-norm (Qwen2), post-norm with q/k norms (OLMo), mixture of experts (OLMoE),
// or with separate matrices (llama). Facts: spec/model.md §2.11.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "config/model_config.h"
#include "model/forward_options.h"
#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/mixture.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "tensor/run_unit.h"

namespace molmo::model {

/// How the decoder's matrices begin, at `scale` times the config's standard deviation.
Init linear_init(const config::DecoderConfig& config, double scale = 1.0);

/// What every block of one forward pass shares.
struct BlockContext {
  nn::RopeTables rope;  // [B, 1, S, Dh]; undefined with learned positions
  nn::AttentionContext attention;
  ForwardOptions options;
};

/// q, k and v of all heads from one fused matrix, or from three (llama block).
class QkvProjection {
 public:
  QkvProjection(const config::DecoderConfig& config, Init init, const ParamScope& scope);
  std::array<Tensor, 3> operator()(const Tensor& x,
                                   at::ScalarType compute) const;  // [B,S,D] -> [B,S,D], 2 x [B,S,K*Dh]

 private:
  int64_t width_, kv_width_;
  nn::Linear fused_, q_, k_, v_;
  bool is_fused_;
};

/// SwiGLU from one fused matrix [up; gate], or from two (llama block).
class GatedFeedForward {
 public:
  GatedFeedForward() = default;
  GatedFeedForward(const config::DecoderConfig& config, Init in, Init out, const ParamScope& scope);
  Tensor operator()(const Tensor& x, at::ScalarType compute) const;  // [B, S, D] -> same

 private:
  nn::Linear fused_, gate_, up_, out_;
  bool is_fused_ = true;
};

class DecoderBlock {
 public:
  DecoderBlock(const config::DecoderConfig& config, int index, ParamScope scope);

  /// [B, S, D] -> {same, or [M, D] of the `kept` tokens, [M] int64, which alone take part after attention}, and for a
  /// mixture two sums after it, if the options ask for router losses: nn::load_balance and nn::router_z.
  TensorList operator()(const Tensor& x, const BlockContext& context, const Tensor& kept = {}) const;
  const Unit& unit() const { return unit_; }

 private:
  Tensor attention(const Tensor& x, const BlockContext& context) const;                             // [B, S, D] -> same
  Tensor mixture(const Tensor& x, const ForwardOptions& options, TensorList& router_losses) const;  // [..., D] -> same
  void tap_first(const char* name, const Tensor& value) const;  // block 0 announces its parts

  config::DecoderConfig config_;
  int index_;
  nn::Norm attn_norm_, ff_norm_, q_norm_, k_norm_;
  QkvProjection qkv_;
  nn::Linear attn_out_;
  GatedFeedForward feed_forward_;
  nn::Mixture mixture_;
  Unit unit_;
};

}  // namespace molmo::model
