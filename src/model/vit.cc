// SPDX-License-Identifier: Apache-2.0
#include "model/vit.h"

#include <algorithm>

#include "base/check.h"
#include "model/positions.h"
#include "nn/activation.h"
#include "nn/attention.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

const Init kPatchInit = Init::normal(0.02);

Init mlp_init(int64_t fan_in) { return Init::truncated(std::sqrt(1.0 / static_cast<double>(fan_in)), 2.0); }

nn::Norm make_norm(const config::VitConfig& config, const ParamScope& scope) {
  return nn::Norm(config::NormKind::kLayerNorm, config.width, /*has_bias=*/true, config.norm_eps, scope);
}

}  // namespace

VitBlock::VitBlock(const config::VitConfig& config, int index, ParamScope scope)
    : num_heads_(config.num_heads), num_kv_heads_(config.num_kv_heads), activation_(config.activation) {
  const int64_t width = config.width, inner = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv_inner = int64_t{config.num_kv_heads} * config.head_dim;
  const ParamScope attention = scope / "attention", mlp = scope / "feed_forward";
  const Init init = Init::normal(config.init_std);
  wq_ = nn::Linear(width, inner, true, init, attention / "wq");
  wk_ = nn::Linear(width, kv_inner, true, init, attention / "wk");
  wv_ = nn::Linear(width, kv_inner, true, init, attention / "wv");
  wo_ = nn::Linear(inner, width, true, init, attention / "wo");
  w1_ = nn::Linear(width, config.mlp_width, true, mlp_init(width), mlp / "w1");
  w2_ = nn::Linear(config.mlp_width, width, true, mlp_init(config.mlp_width), mlp / "w2");
  attention_norm_ = make_norm(config, scope / "attention_norm");
  ffn_norm_ = make_norm(config, scope / "ffn_norm");
  if (config.has_layer_scale()) {
    lambda1_ = scope.add("lambda1", {width}, Init::ones(), ParamKind::kNorm);
    lambda2_ = scope.add("lambda2", {width}, Init::ones(), ParamKind::kNorm);
  }
  unit_ = Unit(scope, index);
}

Tensor VitBlock::attention(const Tensor& x, at::ScalarType compute) const {
  const auto joined = nn::joint_linear(x, {&wq_, &wk_, &wv_}, compute);
  const Tensor q = nn::split_heads(joined[0], num_heads_);     // [C, Hv, N+c, Dh]
  const Tensor k = nn::split_heads(joined[1], num_kv_heads_);  // [C, Kv, N+c, Dh]
  const Tensor v = nn::split_heads(joined[2], num_kv_heads_);  // [C, Kv, N+c, Dh]
  return wo_(nn::attend(q, k, v, {}), compute);                // [C, N+c, Dv]
}

Tensor VitBlock::feed_forward(const Tensor& x, at::ScalarType compute) const {
  return w2_(nn::activate(w1_(x, compute), activation_), compute);  // [C, N+c, Dv]
}

Tensor VitBlock::operator()(const Tensor& x, at::ScalarType compute) const {
  const auto scaled = [](const Tensor& branch, const Param& scale) {
    return scale.defined() ? branch * scale.value() : branch;
  };
  const Tensor mixed = x + scaled(attention(attention_norm_(x), compute), lambda1_);
  return mixed + scaled(feed_forward(ffn_norm_(mixed), compute), lambda2_);
}

Vit::Vit(const config::VitConfig& config, ParamScope scope) : config_(config) {
  const double embedding_std = 1.0 / std::sqrt(static_cast<double>(config.width));
  if (config.has_class_token())
    class_embedding_ = scope.add("class_embedding", {config.width}, Init::normal(embedding_std), ParamKind::kTable);
  positional_embedding_ = scope.add("positional_embedding", {config.num_positions, config.width},
                                    Init::normal(embedding_std), ParamKind::kTable);
  patch_embedding_ =
      nn::Linear(config.patch_values(), config.width, config.has_patch_bias(), kPatchInit, scope / "patch_embedding");
  if (config.has_pre_norm()) pre_norm_ = make_norm(config, scope / "pre_ln");
  embedding_unit_ = Unit(scope);
  for (int i = 0; i < config.num_layers; ++i) {
    blocks_.emplace_back(config, i, scope / "transformer" / "resblocks" / std::to_string(i));
  }
}

Tensor Vit::embed(const Tensor& patches, at::ScalarType compute) const {
  Tensor x = patch_embedding_(patches, compute);  // [C, N, Dv]
  tap("vit.patch_embedding", x);
  if (class_embedding_.defined()) {
    const Tensor row = class_embedding_.value().to(x.scalar_type()).expand({x.size(0), 1, config_.width});
    x = at::concat({row, x}, 1);  // [C, N+1, Dv]
  }
  x = x + positions();
  if (!config_.has_pre_norm()) return x;
  tap("vit.pre_ln_input", x);
  return pre_norm_(x);
}

std::vector<Unit> Vit::units() const {
  std::vector<Unit> units{embedding_unit_};
  for (const VitBlock& block : blocks_) units.push_back(block.unit());
  return units;
}

Tensor Vit::positions() const {
  const int64_t num_class_rows = config_.has_class_token() ? 1 : 0;
  const Tensor table = positional_embedding_.value();
  if (!needs_resize(table.size(0) - num_class_rows, config_.grid_height(), config_.grid_width())) return table;
  return resize_positions(table, num_class_rows, config_.grid_height(), config_.grid_width());
}

std::vector<Tensor> Vit::operator()(const Tensor& patches, const std::vector<int>& layers,
                                    at::ScalarType compute) const {
  expect_shape("vit patches", patches, {kAnySize, config_.num_patches(), config_.patch_values()});
  const int num_blocks = static_cast<int>(blocks_.size());
  const int needed = *std::max_element(layers.begin(), layers.end()) + 1;
  MOLMO_CHECK(needed <= num_blocks, "vit layer beyond the last block");
  Tensor x = run_unit(embedding_unit_, patches, [this, compute](const Tensor& p) { return embed(p, compute); });
  tap("vit.embeddings", x);
  std::vector<Tensor> outputs(layers.size());
  for (int i = 0; i < (taps_are_heard() ? num_blocks : needed); ++i) {
    const VitBlock& block = blocks_[i];
    x = run_unit(block.unit(), x, [&block, compute](const Tensor& h) { return block(h, compute); });  // [C, N+c, Dv]
    tap("vit.block.", i, "", x);
    for (size_t j = 0; j < layers.size(); ++j) {
      if (layers[j] == i) outputs[j] = config_.has_class_token() ? x.slice(1, 1) : x;  // [C, N, Dv]
    }
  }
  return outputs;
}

}  // namespace molmo::model
