// The one place where it is decided how a pass of the decoder attends.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/model_config.h"
#include "model/forward_options.h"
#include "nn/attention.h"

namespace molmo::model {

/// How tokens lie in rows; nothing is defined where there is nothing to say.
struct RowLayout {
  Tensor segments;  // [B, S] int64: several annotations or examples in a row; a key is seen if its number is not lower
  std::shared_ptr<const tensor::SequencePlan> sequences;  // of the rows, padding left out (model/batch.h)
};

/// For new tokens `ids` [B, S], -1 = padding. `cache` (may be null) is in the pass over them: with nothing in it
/// before, they see each other; else also what it holds.
nn::AttentionContext choose_attention(const config::DecoderConfig& config, const Tensor& ids, const RowLayout& layout,
                                      nn::KvCache* cache, const ForwardOptions& options);

}  // namespace molmo::model
