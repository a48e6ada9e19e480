// Vision transformer over a flat list of crops. Facts: spec/model.md §2.2. Paper: [P §2].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/model_config.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "tensor/run_unit.h"

namespace molmo::model {

/// One pre-norm block: x += Attn(LN(x)); x += MLP(LN(x)), with per-channel layer scale for DINOv2.
class VitBlock {
 public:
  VitBlock(const config::VitConfig& config, int index, ParamScope scope);
  Tensor operator()(const Tensor& x, at::ScalarType compute) const;  // [C, N+c, Dv] -> same
  const Unit& unit() const { return unit_; }

 private:
  Tensor attention(const Tensor& x, at::ScalarType compute) const;
  Tensor feed_forward(const Tensor& x, at::ScalarType compute) const;

  int64_t num_heads_, num_kv_heads_;
  config::Activation activation_;
  nn::Norm attention_norm_, ffn_norm_;
  nn::Linear wq_, wk_, wv_, wo_, w1_, w2_;
  Param lambda1_, lambda2_;
  Unit unit_;
};

class Vit {
 public:
  Vit(const config::VitConfig& config, ParamScope scope);

  /// Outputs of the blocks `layers` (indices from 0, ascending or not), class row dropped, in that order. Blocks after
  /// the last one wanted are not run.
  std::vector<Tensor> operator()(const Tensor& patches, const std::vector<int>& layers,
                                 at::ScalarType compute) const;  // [C, N, 3p^2] -> n x [C, N, Dv]

  std::vector<Unit> units() const;  ///< embedding and blocks

 private:
  Tensor embed(const Tensor& patches, at::ScalarType compute) const;  // [C, N, 3p^2] -> [C, N+c, Dv]
  Tensor positions() const;                                           // [N+c, Dv]

  config::VitConfig config_;
  nn::Linear patch_embedding_;
  Param class_embedding_, positional_embedding_;
  nn::Norm pre_norm_;
  Unit embedding_unit_;
  std::vector<VitBlock> blocks_;
};

}  // namespace molmo::model
