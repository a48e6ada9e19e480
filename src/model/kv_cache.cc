// SPDX-License-Identifier: Apache-2.0
#include "model/kv_cache.h"

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::model {

KvCache::KvCache(const config::DecoderConfig& config, int64_t batch, int64_t capacity, const at::TensorOptions& options)
    : valid_(at::zeros({batch, capacity}, options.dtype(at::kBool))) {
  for (int i = 0; i < config.num_layers; ++i) {
    keys_.push_back(at::empty({batch, config.num_kv_heads, capacity, config.head_dim()}, options));
    values_.push_back(at::empty({batch, config.num_kv_heads, capacity, config.head_dim()}, options));
  }
}

std::pair<Tensor, Tensor> KvCache::append(int64_t layer, const Tensor& k, const Tensor& v) {
  const int64_t end = length_ + k.size(2);
  MOLMO_CHECK(end <= capacity(), fmt::format("KV cache of {} slots, {} needed", capacity(), end));
  keys_[layer].slice(2, length_, end).copy_(k);
  values_[layer].slice(2, length_, end).copy_(v);
  return {keys_[layer].slice(2, 0, end), values_[layer].slice(2, 0, end)};
}

void KvCache::select_rows(const Tensor& rows) {
  const bool same_size = rows.size(0) == valid_.size(0);
  for (std::vector<Tensor>* tensors : {&keys_, &values_}) {
    for (Tensor& tensor : *tensors) {
      const Tensor used = tensor.slice(2, 0, length_).index_select(0, rows);
      if (!same_size)
        tensor = at::empty({rows.size(0), tensor.size(1), tensor.size(2), tensor.size(3)}, tensor.options());
      tensor.slice(2, 0, length_).copy_(used);
    }
  }
  valid_ = valid_.index_select(0, rows);
}

void KvCache::advance(const Tensor& valid) {
  valid_.slice(1, length_, length_ + valid.size(1)).copy_(valid);
  length_ += valid.size(1);
}

}  // namespace molmo::model
