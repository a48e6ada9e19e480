// SPDX-License-Identifier: Apache-2.0
#include "model/connector.h"

#include "base/check.h"
#include "nn/activation.h"
#include "nn/attention.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {

using config::PaddingEmbedKind;
using config::PoolingKind;
using config::ProjectorKind;

AttentionPooling::AttentionPooling(const config::VitConfig& vit, int64_t in_width, bool mean_query,
                                   const ParamScope& scope)
    : num_heads_(vit.num_heads), num_kv_heads_(vit.num_kv_heads), mean_query_(mean_query) {
  const Init init = Init::normal(vit.init_std);
  const int64_t inner = int64_t{vit.num_heads} * vit.head_dim, kv_inner = int64_t{vit.num_kv_heads} * vit.head_dim;
  wq_ = nn::Linear(in_width, inner, true, init, scope / "wq");
  wk_ = nn::Linear(in_width, kv_inner, true, init, scope / "wk");
  wv_ = nn::Linear(in_width, kv_inner, true, init, scope / "wv");
  wo_ = nn::Linear(inner, vit.width, true, init, scope / "wo");
}

Tensor AttentionPooling::operator()(const Tensor& windows, at::ScalarType compute) const {
  const Tensor query = mean_query_ ? windows.mean(1, /*keepdim=*/true) : windows.slice(1, 0, 1);  // [M, 1, n*Dv]
  tap("connector.pooling_query", query);
  const Tensor q = nn::split_heads(wq_(query, compute), num_heads_);                        // [M, Hv, 1, Dh]
  const Tensor k = nn::split_heads(wk_(windows, compute), num_kv_heads_);                   // [M, Kv, w, Dh]
  const Tensor v = nn::split_heads(wv_(windows, compute), num_kv_heads_);                   // [M, Kv, w, Dh]
  const Tensor mixed = q.is_cpu() ? nn::attend(q, k, v, {}) : nn::attend_windows(q, k, v);  // [M, 1, Hv Dh]
  return wo_(mixed, compute).squeeze(1);                                                    // [M, Dv]
}

ProjectorMlp::ProjectorMlp(int64_t in, int64_t hidden, int64_t out, Init init, const ParamScope& scope)
    : w1_(in, hidden, false, init, scope / "w1"),
      w2_(hidden, out, false, init, scope / "w2"),
      w3_(in, hidden, false, init, scope / "w3") {}

Tensor ProjectorMlp::operator()(const Tensor& x, at::ScalarType compute) const {
  return w2_(nn::swiglu(w3_(x, compute), w1_(x, compute)), compute);  // PARITY: silu on w1
}

Connector::Connector(const config::ModelConfig& config, ParamScope scope)
    : config_(config.connector), grid_height_(config.vit.grid_height()), grid_width_(config.vit.grid_width()) {
  const int64_t in_width = static_cast<int64_t>(config_.vit_layers.size()) * config.vit.width;
  const int64_t window = int64_t{config_.pool_height} * config_.pool_width;
  const int64_t width = config.decoder.width, hidden = config_.hidden_width;
  const Init init = Init::normal(config.vit.init_std);
  // PARITY: padding embeddings decay, unlike all other embeddings.
  if (config_.padding_embed == PaddingEmbedKind::kPadAndPartialPad) {
    pad_embed_ = scope.decaying().add("pad_embed", {2, in_width}, Init::zeros(), ParamKind::kTable);
  } else if (config_.padding_embed != PaddingEmbedKind::kNone) {
    pad_embed_ = scope.decaying().add("pad_embed", {in_width}, Init::zeros(), ParamKind::kTable);
  }
  const bool attends =
      config_.pooling == PoolingKind::kAttentionMeanQuery || config_.pooling == PoolingKind::kAttention;
  if (attends) {
    pooling_ = AttentionPooling(config.vit, in_width, config_.pooling == PoolingKind::kAttentionMeanQuery,
                                scope / "image_pooling_2d");
  }
  const int64_t pooled = attends                                  ? config.vit.width
                         : config_.pooling == PoolingKind::kStack ? window * in_width
                                                                  : in_width;
  const ParamScope projector = scope / "image_projector";
  switch (config_.projector) {
    case ProjectorKind::kLinear:
      linear_ = nn::Linear(pooled, width, false, Init::xavier(), projector);
      break;
    case ProjectorKind::kMlp:
      mlp_ = ProjectorMlp(pooled, hidden, width, init, projector);
      break;
    case ProjectorKind::kTwoMlps:
      // DEVIATION: the public code gives the second one the pooled width and so runs only where that is the decoder's.
      mlp_ = ProjectorMlp(pooled, hidden, width, init, projector / "0");
      second_mlp_ = ProjectorMlp(width, hidden, width, init, projector / "1" / "submodule");
      break;
  }
  unit_.name = scope.prefix() + ".connector";
  unit_.component = scope.component();
  for (const char* part : {"pad_embed", "image_pooling_2d", "image_projector"}) {
    for (const Param& param : (scope / part).params()) unit_.params.push_back(param);
  }
}

Tensor Connector::add_padding_embedding(const Tensor& features, const Tensor& masks) const {
  if (!pad_embed_.defined() || !masks.defined()) return features;
  const Tensor share = masks.unsqueeze(-1);  // [C, N, 1]
  const Tensor embed = pad_embed_.value();
  const auto where = [](const Tensor& condition) { return condition.to(at::kFloat); };
  switch (config_.padding_embed) {
    case PaddingEmbedKind::kPadEmbed:
      return features + embed * where(share == 0);
    case PaddingEmbedKind::kRegress:
      return features + embed * share.clamp_min(0);
    case PaddingEmbedKind::kPadAndPartialPad: {
      // PARITY: -1 (no mask known) counts as partial padding.
      const Tensor all_padding = share == 0, partial = (share < 1).logical_and(share != 0);
      return features + embed[0] * where(all_padding) + embed[1] * where(partial);
    }
    case PaddingEmbedKind::kNone:
      break;
  }
  return features;
}

Tensor Connector::to_windows(const Tensor& features) const {
  const int64_t ph = config_.pool_height, pw = config_.pool_width, width = features.size(2);
  Tensor grid = features.view({features.size(0), grid_height_, grid_width_, width});
  const int64_t pad_bottom = (ph - grid_height_ % ph) % ph, pad_right = (pw - grid_width_ % pw) % pw;
  if (pad_bottom + pad_right > 0) grid = at::constant_pad_nd(grid, {0, 0, 0, pad_right, 0, pad_bottom}, 0);
  const int64_t rows = grid.size(1) / ph, columns = grid.size(2) / pw;
  return grid
      .view({grid.size(0), rows, ph, columns, pw, width})  // windows row-major, patches inside row-major
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({grid.size(0) * rows * columns, ph * pw, width});
}

Tensor Connector::pool(const Tensor& windows, at::ScalarType compute) const {
  switch (config_.pooling) {
    case PoolingKind::kStack:
      return windows.flatten(1);  // [C*P, w*n*Dv]
    case PoolingKind::kNone:
      return windows.squeeze(1);  // [C*P, n*Dv]
    default:
      return pooling_(windows, compute);  // [C*P, Dv]
  }
}

Tensor Connector::project(const Tensor& pooled, at::ScalarType compute) const {
  if (config_.projector == ProjectorKind::kLinear) return linear_(pooled, compute);
  const Tensor x = mlp_(pooled, compute);
  return config_.projector == ProjectorKind::kTwoMlps ? x + second_mlp_(x, compute) : x;
}

Tensor Connector::operator()(const Tensor& features, const Tensor& masks, const ForwardOptions& options) const {
  expect_shape("connector features", features, {kAnySize, grid_height_ * grid_width_, kAnySize});
  const int64_t num_crops = features.size(0);
  return run_unit(unit_, {features, masks}, [this, num_crops, options](const TensorList& in) -> TensorList {
    Tensor x = add_padding_embedding(in[0], in[1]);
    tap("connector.padded_features", x);
    x = nn::drop(x, options.dropout.features, options.dropout.crop_keys, nn::kFeatureSite);
    x = pool(to_windows(x), options.compute);
    x = x.view({num_crops, x.size(0) / num_crops, x.size(1)});  // [C, P, width]
    tap("connector.pooled", x);
    x = project(x, options.compute);  // [C, P, D]
    tap("connector.projected", x);
    return {x};
  })[0];
}

}  // namespace molmo::model
