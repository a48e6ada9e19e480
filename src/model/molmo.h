// The whole model: tower -> connector -> decoder, over rows of tokens and a flat list of crops. Paper: [P §2].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/molmo_config.h"
#include "model/batch.h"
#include "model/connector.h"
#include "model/decoder.h"
#include "model/vit.h"

namespace molmo::model {

class Molmo {
 public:
  /// Builds the model with meta parameters under the released names; nothing is allocated.
  explicit Molmo(const config::ModelConfig& config);
  Molmo(const Molmo&) = delete;
  Molmo& operator=(const Molmo&) = delete;

  /// Pooled and projected tokens of crops. PARITY: a crop whose every value is -1 counts as padding and gives zeros
  /// before the padding embedding (with SigLIP a black crop does, trap T10).
  Tensor encode_images(const Tensor& patches, const Tensor& masks,
                       const ForwardOptions& options) const;  // [C,N,3p^2] -> [C,P,D]

  /// Tower features alone, concatenated over the configured layers.
  Tensor tower_features(const Tensor& patches, const ForwardOptions& options) const;  // [C,N,3p^2] -> [C,N,n*Dv]

  /// Final hidden states of a batch, [B, S, D], or [M, D] of the tokens in options.kept. With `cache` empty this is a
  /// prefill; images may come only then.
  Tensor hidden_states(const ModelInputs& inputs, nn::KvCache* cache, const ForwardOptions& options) const;

  /// Logits over embedding_size classes, in the compute dtype.
  Tensor logits(const Tensor& hidden, const ForwardOptions& options) const {
    return decoder_.head(hidden, options.compute);
  }

  /// Cross-entropy of the logits of some hidden states, which are never whole.
  tensor::CrossEntropySums loss(const Tensor& hidden, const Tensor& labels, const Tensor& weights,
                                const tensor::CrossEntropyOptions& options) const {
    return decoder_.head_loss(hidden, labels, weights, options);
  }

  /// hidden_states() and logits() in one.
  Tensor forward(const ModelInputs& inputs, const ForwardOptions& options) const;  // -> [B, S, V]

  std::vector<Unit> units() const;  ///< what runs through run_unit()

  ParamSet& params() { return params_; }
  const ParamSet& params() const { return params_; }
  const config::ModelConfig& config() const { return config_; }
  at::Device device() const { return params_.all().front().value.device(); }

 private:
  Tensor insert_features(const Tensor& embeddings, const Tensor& features,
                         const ModelInputs& inputs) const;  // [B,S,D] -> same

  config::ModelConfig config_;
  ParamSet params_;
  std::vector<int> vit_layers_;  // counted from 0
  Vit vit_;
  Connector connector_;
  Decoder decoder_;
};

}  // namespace molmo::model
