// Keys and values of a batch of sequences, of fixed capacity.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "config/model_config.h"
#include "tensor/tensor.h"

namespace molmo::nn {

/// Per layer k and v of [B, K, capacity, Dh], heads as the model has them (not repeated for the queries that share
/// them). Row b holds its tokens in slots 0 .. lengths[b] - 1, whatever padding it came with: a token goes behind the
/// row's last one, over the keys that padding has left there. No value is read back from a device for it.
///
///   cache.begin_pass(ids);   // then every layer: store(layer, k, v), held(layer)
///   cache.end_pass();
class KvCache {
 public:
  KvCache(const config::DecoderConfig& config, int64_t batch, int64_t capacity, const at::TensorOptions& options);

  /// A pass over Sn new tokens of each row: [B, Sn] int64, -1 behind its last. Several tokens only where the rows are
  /// even; after them they no longer are, unless set_even() says so. A single token is real in every row.
  void begin_pass(const Tensor& ids);
  void store(int64_t layer, const Tensor& k, const Tensor& v);  // 2 x [B, K, Sn, Dh]
  void end_pass();

  /// All slots that any row may use after the pass, [B, K, longest_after(), Dh].
  std::pair<Tensor, Tensor> held(int64_t layer) const;
  /// Whole, [B, K, capacity, Dh].
  const Tensor& keys(int64_t layer) const { return keys_[layer]; }
  const Tensor& values(int64_t layer) const { return values_[layer]; }

  /// Row i becomes what row rows[i] was; the batch may grow or shrink.
  void select_rows(const Tensor& rows);  // [B'] int64

  int64_t longest() const { return longest_; }  ///< at least every row's length
  int64_t longest_after() const { return longest_ + num_new_; }
  const Tensor& lengths_after() const {
    return lengths_after_;
  }  // [B] int64: tokens of each row, those of the pass too
  int64_t num_rows() const { return lengths_.size(0); }
  int64_t capacity() const { return capacity_; }
  /// Every row holds longest() tokens: their lengths need not be looked at. The caller of a pass over several tokens
  /// knows; asking a device would wait for it.
  bool is_even() const { return is_even_; }
  void set_even() { is_even_ = true; }

 private:
  std::vector<Tensor> keys_, values_;  // L x [B, K, capacity, Dh]
  Tensor lengths_, lengths_after_;     // [B] int64: before and after the pass that runs
  int64_t capacity_, longest_ = 0;
  bool is_even_ = true;
  int64_t num_new_ = 0;  // of the pass that runs
  Tensor slots_;         // [B * K] int64: where one new token of uneven rows goes, among all slots of all heads
};

}  // namespace molmo::nn
