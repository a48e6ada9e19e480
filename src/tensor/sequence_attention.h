// Attention over packed rows by variable-length flash attention, which takes sequences but no masks. Rows are cut into
// runs of one segment. In a first call every run attends to itself, causally; in further calls to what it sees before
// it (the picture that an annotation belongs to), and the partial results are merged by the log-sum-exp of their
// scores, as ring attention does. Nothing that is masked is computed. In backward every call gets the merged output and
// log-sum-exp: with those its gradient is exactly its part of the whole one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <tuple>
#include <vector>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// One call: sequences of queries, each beside a sequence of keys. Places count over all rows, B * S.
struct SequenceCall {
  Tensor query_places, key_places;  // [Tq], [Tk] int64; undefined: all places in order
  Tensor query_ends, key_ends;      // [N + 1] int32: a 0, then where each sequence ends
  /// [N] int32: of a sequence's keys only the first so many are seen; undefined: all. Forward only.
  Tensor key_counts = {};
  int64_t longest_queries = 0, longest_keys = 0;
  /// The last query sees all of its sequence's keys, each one before it one key less.
  bool is_causal = false;
};

/// Who attends to whom, for rows whose segments are as KernelTable::packed_attention has them.
struct SequencePlan {
  std::vector<SequenceCall> calls;  // the first is that of all places
  Tensor is_padding;                // [B * S] bool, or undefined where there is none
};

/// Planned in loops on the CPU, then copied to `device`. segments: [B, S] int64 on the CPU
SequencePlan plan_sequences(const Tensor& segments, at::Device device);

/// Attention of one call, over sequences one after another.
struct SequenceKernel {
  /// q [Tq, H, Dh], k and v [Tk, K, Dh] -> result [Tq, H, Dh], log(sum(exp(scores))) [H, Tq] float32
  std::tuple<Tensor, Tensor> (*forward)(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceCall& call);
  /// The gradients of q, k and v.
  std::tuple<Tensor, Tensor, Tensor> (*backward)(const Tensor& grad, const Tensor& q, const Tensor& k, const Tensor& v,
                                                 const Tensor& out, const Tensor& log_sums, const SequenceCall& call);
};

/// The kernel for heads of this kind: on a GPU flash attention, of bfloat16 or float16. Null: there is none.
const SequenceKernel* sequence_kernel(at::Device device, at::ScalarType type, int64_t head_dim);

/// While one exists, sequence_kernel() gives `kernel` on this thread, whatever the device: passes then go the way of a
/// GPU on a CPU.
class ScopedSequenceKernel {
 public:
  explicit ScopedSequenceKernel(const SequenceKernel& kernel);
  ~ScopedSequenceKernel();
  ScopedSequenceKernel(const ScopedSequenceKernel&) = delete;
  ScopedSequenceKernel& operator=(const ScopedSequenceKernel&) = delete;

 private:
  const SequenceKernel* before_;
};

/// softmax(q k^T / sqrt(Dh)) v over the keys that the plan lets each query see; 0 for padding. Differentiable.
/// q [B, H, S, Dh], k and v [B, K, S, Dh] -> [B, H, S, Dh]
Tensor attend_sequences(const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const SequencePlan>& plan, const SequenceKernel& kernel);

/// The call in which `num_queries` new tokens of each row attend to a cache [B, K, capacity, Dh], in which they are the
/// last of the `lengths` [B] tokens: each of the B * K stretches of slots is a sequence of keys, and those of the H / K
/// query heads that share it are its queries. `longest`: at least every length; no value is read back from a device.
SequenceCall plan_cache(const Tensor& lengths, int64_t num_kv_heads, int64_t capacity, int64_t num_queries,
                        int64_t longest);

/// softmax(q k^T / sqrt(Dh)) v by that call: q [B, H, Sn, Dh], k and v [B, K, capacity, Dh], dense -> [B, H, Sn, Dh].
Tensor attend_cache(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceCall& call,
                    const SequenceKernel& kernel);

}  // namespace molmo::tensor
