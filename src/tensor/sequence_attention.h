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
  int64_t longest_queries = 0, longest_keys = 0;
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

/// Whether flash_kernel() takes heads of this kind: on a GPU, bfloat16 or float16.
bool has_flash_kernel(at::Device device, at::ScalarType type, int64_t head_dim);
const SequenceKernel& flash_kernel();

/// softmax(q k^T / sqrt(Dh)) v over the keys that the plan lets each query see; 0 for padding. Differentiable.
/// q [B, H, S, Dh], k and v [B, K, S, Dh] -> [B, H, S, Dh]
Tensor attend_sequences(const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const SequencePlan>& plan, const SequenceKernel& kernel = flash_kernel());

}  // namespace molmo::tensor
