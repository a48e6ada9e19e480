// SPDX-License-Identifier: Apache-2.0
#include "nn/kv_cache.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::nn {

KvCache::KvCache(const config::DecoderConfig& config, int64_t batch, int64_t capacity, const at::TensorOptions& options)
    : lengths_(at::zeros({batch}, options.dtype(at::kLong))), lengths_after_(lengths_), capacity_(capacity) {
  for (int i = 0; i < config.num_layers; ++i) {
    keys_.push_back(at::empty({batch, config.num_kv_heads, capacity, config.head_dim()}, options));
    values_.push_back(at::empty({batch, config.num_kv_heads, capacity, config.head_dim()}, options));
  }
}

void KvCache::begin_pass(const Tensor& ids) {
  expect_shape("KV cache: ids", ids, {num_rows(), kAnySize});
  num_new_ = ids.size(1);
  MOLMO_CHECK(longest_after() <= capacity_, fmt::format("KV cache of {} slots, {} needed", capacity_, longest_after()));
  MOLMO_CHECK(num_new_ == 1 || is_even_, "rows of several lengths go on by one token each");
  lengths_after_ = num_new_ == 1 ? lengths_ + 1 : lengths_ + (ids != -1).sum(1);
  slots_ = Tensor();
  if (is_even_) return;
  const int64_t heads = keys_.front().size(1);
  const Tensor first = at::arange(num_rows() * heads, lengths_.options()) * capacity_;  // slot 0 of each row and head
  slots_ = (first.view({num_rows(), heads}) + lengths_.unsqueeze(1)).flatten();
}

void KvCache::store(int64_t layer, const Tensor& k, const Tensor& v) {
  const int64_t width = k.size(3);
  const auto put = [&](Tensor& all, const Tensor& fresh) {
    if (slots_.defined()) {
      all.view({-1, width}).index_copy_(0, slots_, fresh.reshape({-1, width}).to(all.scalar_type()));
    } else {
      all.narrow(2, longest_, num_new_).copy_(fresh);
    }
  };
  put(keys_[layer], k);
  put(values_[layer], v);
}

void KvCache::end_pass() {
  is_even_ = is_even_ && num_new_ == 1;
  longest_ = longest_after();
  lengths_ = lengths_after_;
  num_new_ = 0;
}

std::pair<Tensor, Tensor> KvCache::held(int64_t layer) const {
  return {keys_[layer].narrow(2, 0, longest_after()), values_[layer].narrow(2, 0, longest_after())};
}

void KvCache::select_rows(const Tensor& rows) {
  const bool same_size = rows.size(0) == num_rows();
  for (std::vector<Tensor>* tensors : {&keys_, &values_}) {
    for (Tensor& tensor : *tensors) {
      const Tensor used = tensor.narrow(2, 0, longest_).index_select(0, rows);
      if (!same_size)
        tensor = at::empty({rows.size(0), tensor.size(1), tensor.size(2), tensor.size(3)}, tensor.options());
      tensor.narrow(2, 0, longest_).copy_(used);
    }
  }
  lengths_ = lengths_after_ = lengths_.index_select(0, rows);
}

}  // namespace molmo::nn
