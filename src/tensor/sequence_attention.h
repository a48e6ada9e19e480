// Attention over packed rows by kernels that know sequences of several lengths (variable-length flash attention). Rows
// are cut into runs of one segment. In a first call every run attends to itself, causally; in further ones to what it
// sees before it (the picture that its annotation is of), and results are merged by the log-sums of their scores.
// Nothing that is masked is computed. The backward pass hands every call the merged result and log-sums, with which it
// gives exactly its part of the whole's gradient.
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

/// Thought out on the CPU, then copied to `device`.
SequencePlan plan_sequences(const Tensor& segments, at::Device device);  // [B, S] int64 of the CPU

/// Attention of one call, over sequences one behind another.
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

/// softmax(q k^T / sqrt(Dh)) v, of what the plan lets a query see; 0 for padding. With gradients.
/// q [B, H, S, Dh], k and v [B, K, S, Dh] -> [B, H, S, Dh]
Tensor attend_sequences(const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const SequencePlan>& plan, const SequenceKernel& kernel = flash_kernel());

}  // namespace molmo::tensor
