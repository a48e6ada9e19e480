// Preallocated keys and values of a batch of sequences.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "config/model_config.h"
#include "tensor/tensor.h"

namespace molmo::model {

/// Per layer k and v of [B, K, capacity, Dh], un-repeated heads. Right-padded prompts leave holes that `valid` masks.
class KvCache {
 public:
  KvCache(const config::DecoderConfig& config, int64_t batch, int64_t capacity, const at::TensorOptions& options);

  /// Appends new keys and values to the `length()` slots in use and returns all in use, new ones included.
  std::pair<Tensor, Tensor> append(int64_t layer, const Tensor& k,
                                   const Tensor& v);  // [B,K,Sn,Dh] -> [B,K,length+Sn,Dh]

  /// Marks the slots of a forward pass as used; `valid` [B, Sn] bool says which hold real tokens.
  void advance(const Tensor& valid);

  /// Row i becomes what row rows[i] was; the batch may grow or shrink.
  void select_rows(const Tensor& rows);  // [B'] int64

  int64_t length() const { return length_; }
  int64_t capacity() const { return valid_.size(1); }
  const Tensor& valid() const { return valid_; }  // [B, capacity] bool

 private:
  std::vector<Tensor> keys_, values_;  // L x [B, K, capacity, Dh]
  Tensor valid_;                       // [B, capacity] bool
  int64_t length_ = 0;
};

}  // namespace molmo::model
