// The connector: padding embeddings, 2x2 attention pooling with a mean query, SwiGLU projector.
// Facts: spec/model.md §2.3-2.7. Paper: [P §2] [P Table 2f].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/model_config.h"
#include "model/forward_options.h"
#include "nn/linear.h"
#include "tensor/run_unit.h"

namespace molmo::model {

/// Attention of one query over the patches of a window.
class AttentionPooling {
 public:
  AttentionPooling() = default;
  AttentionPooling(const config::VitConfig& vit, int64_t in_width, bool mean_query, const ParamScope& scope);
  Tensor operator()(const Tensor& windows, at::ScalarType compute) const;  // [M, w, n*Dv] -> [M, Dv]

 private:
  int64_t num_heads_ = 0, num_kv_heads_ = 0;
  bool mean_query_ = true;
  nn::Linear wq_, wk_, wv_, wo_;
};

/// The projector's SwiGLU without biases: w2(silu(w1 x) * w3 x).
class ProjectorMlp {
 public:
  ProjectorMlp() = default;
  ProjectorMlp(int64_t in, int64_t hidden, int64_t out, Init init, const ParamScope& scope);
  Tensor operator()(const Tensor& x, at::ScalarType compute) const;  // [..., in] -> [..., out]

 private:
  nn::Linear w1_, w2_, w3_;
};

class Connector {
 public:
  Connector(const config::ModelConfig& config, ParamScope scope);

  /// `features` are the concatenated tower outputs (padding crops zeroed), `masks` the share of picture per patch or
  /// undefined.
  Tensor operator()(const Tensor& features, const Tensor& masks,
                    const ForwardOptions& options) const;  // [C,N,n*Dv], [C,N] -> [C,P,D]

  const Unit& unit() const { return unit_; }

 private:
  Tensor add_padding_embedding(const Tensor& features, const Tensor& masks) const;  // [C,N,n*Dv] -> same
  Tensor to_windows(const Tensor& features) const;                                  // [C,N,n*Dv] -> [C*P, ph*pw, n*Dv]
  Tensor pool(const Tensor& windows, at::ScalarType compute) const;    // [C*P, ph*pw, n*Dv] -> [C*P, width]
  Tensor project(const Tensor& pooled, at::ScalarType compute) const;  // [C,P,width] -> [C,P,D]

  config::ConnectorConfig config_;
  int64_t grid_height_, grid_width_;
  Param pad_embed_;
  AttentionPooling pooling_;
  nn::Linear linear_;              // one of the projectors is set: this,
  ProjectorMlp mlp_, second_mlp_;  // the first, or both [2mlp]
  Unit unit_;
};

}  // namespace molmo::model
