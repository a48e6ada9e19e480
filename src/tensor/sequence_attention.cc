// SPDX-License-Identifier: Apache-2.0
#include "tensor/sequence_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "tensor/device.h"
#include "tensor/ops.h"
#include "tensor/optional.h"
#include "tensor/shape.h"

namespace molmo::tensor {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Range {
  int64_t begin, end;
  bool operator==(const Range&) const = default;
};

thread_local const SequenceKernel* scoped_kernel = nullptr;

// A run: neighbouring places of one segment, and the ranges of earlier places that they see.
struct Run {
  Range places;
  int64_t segment;
  std::vector<Range> seen;
};

// The runs of one row, whose first place is `first`.
std::vector<Run> runs_of(const int64_t* segments, int64_t length, int64_t first) {
  std::vector<Run> runs;
  for (int64_t begin = 0; begin < length;) {
    int64_t end = begin + 1;
    while (end < length && segments[end] == segments[begin]) ++end;
    Run run{.places = {first + begin, first + end}, .segment = segments[begin], .seen = {}};
    for (const Run& earlier : runs) {
      if (run.segment < 0 || earlier.segment < run.segment) continue;
      if (run.seen.empty() || run.seen.back().end != earlier.places.begin) run.seen.push_back(earlier.places);
      run.seen.back().end = earlier.places.end;
    }
    runs.push_back(std::move(run));
    begin = end;
  }
  return runs;
}

// A call under construction, on the CPU.
struct Draft {
  struct Sequence {
    Range queries, keys;
  };
  std::vector<Sequence> sequences;

  // Neighbouring queries that see the same keys become one sequence: fewer and longer ones keep the GPU busy.
  void add(const Range& queries, const Range& keys) {
    if (!sequences.empty() && sequences.back().keys == keys && sequences.back().queries.end == queries.begin) {
      sequences.back().queries.end = queries.end;
    } else {
      sequences.push_back({queries, keys});
    }
  }
};

// The queries (or the keys) of a call in the form that the kernels take.
struct Side {
  std::vector<int64_t> places;
  std::vector<int32_t> ends{0};
  int64_t longest = 0;

  void add(const Range& range) {
    const int64_t size = range.end - range.begin;
    places.resize(places.size() + static_cast<size_t>(size));
    std::iota(places.end() - size, places.end(), range.begin);
    ends.push_back(static_cast<int32_t>(places.size()));
    longest = std::max(longest, size);
  }
};

// From pinned memory the copy is asynchronous: the CPU goes on while the GPU computes.
Tensor put(const Tensor& values, at::Device device) {
  return device.is_cuda() ? values.pin_memory().to(device, values.scalar_type(), /*non_blocking=*/true) : values;
}

SequenceCall make_call(const Draft& draft, bool is_everywhere, at::Device device) {
  Side queries, keys;
  for (const Draft::Sequence& sequence : draft.sequences) {
    queries.add(sequence.queries);
    keys.add(sequence.keys);
  }
  SequenceCall call{.query_places = {},
                    .key_places = {},
                    .query_ends = put(at::tensor(queries.ends), device),
                    .key_ends = put(at::tensor(keys.ends), device),
                    .longest_queries = queries.longest,
                    .longest_keys = keys.longest,
                    .is_causal = is_everywhere};
  if (is_everywhere) return call;
  call.query_places = put(at::tensor(queries.places), device);
  call.key_places = put(at::tensor(keys.places), device);
  return call;
}

// [B, heads, S, Dh] -> [B * S, heads, Dh]
Tensor by_place(const Tensor& x) { return x.transpose(1, 2).reshape({x.size(0) * x.size(2), x.size(1), x.size(3)}); }

// [B * S, heads, Dh] -> [B, heads, S, Dh], a view
Tensor by_head(const Tensor& x, int64_t num_rows) {
  return x.view({num_rows, x.size(0) / num_rows, x.size(1), x.size(2)}).transpose(1, 2);
}

Tensor at_places(const Tensor& x, const Tensor& places, int64_t axis = 0) {
  return places.defined() ? x.index_select(axis, places) : x;
}

// Merges the result over further keys into `out` [T, H, Dh] and `log_sums` [H, T], as an online softmax does.
void merge(Tensor& out, Tensor& log_sums, const Tensor& part, const Tensor& part_log_sums, const Tensor& places) {
  const Tensor before = log_sums.index_select(1, places), both = at::logaddexp(before, part_log_sums);
  const auto share = [&](const Tensor& of) { return (of - both).exp_().t().unsqueeze(-1); };  // [Tq, H, 1]
  const Tensor merged = out.index_select(0, places) * share(before) + part * share(part_log_sums);
  out.index_copy_(0, places, merged.to(out.scalar_type()));
  log_sums.index_copy_(1, places, both);
}

struct Attend : Function<Attend> {
  struct Holder : torch::CustomClassHolder {
    Holder(std::shared_ptr<const SequencePlan> held, const SequenceKernel& by) : plan(std::move(held)), kernel(by) {}
    std::shared_ptr<const SequencePlan> plan;
    const SequenceKernel& kernel;
  };

  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const SequencePlan>& plan, const SequenceKernel* kernel) {
    const Tensor queries = by_place(q), keys = by_place(k), values = by_place(v);
    Tensor out, log_sums;
    for (const SequenceCall& call : plan->calls) {
      const auto [part, part_log_sums] =
          kernel->forward(at_places(queries, call.query_places), at_places(keys, call.key_places),
                          at_places(values, call.key_places), call);
      if (out.defined()) {
        merge(out, log_sums, part, part_log_sums, call.query_places);
      } else {
        out = part, log_sums = part_log_sums;
      }
    }
    if (plan->is_padding.defined()) out.masked_fill_(plan->is_padding.view({-1, 1, 1}), 0.0);
    context->save_for_backward({queries, keys, values, out, log_sums});
    context->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(plan, *kernel));
    context->saved_data["rows"] = q.size(0);
    return by_head(out, q.size(0));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &queries = saved[0], &keys = saved[1], &values = saved[2], &out = saved[3], &log_sums = saved[4];
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["plan"].toCapsule());
    const SequencePlan& plan = *holder->plan;
    Tensor grad = by_place(grads[0]);
    if (plan.is_padding.defined()) grad = grad.masked_fill(plan.is_padding.view({-1, 1, 1}), 0.0);
    Tensor to_queries, to_keys, to_values;
    for (const SequenceCall& call : plan.calls) {
      const Tensor &from = call.query_places, &to = call.key_places;
      const auto [q, k, v] =
          holder->kernel.backward(at_places(grad, from), at_places(queries, from), at_places(keys, to),
                                  at_places(values, to), at_places(out, from), at_places(log_sums, from, 1), call);
      if (to_queries.defined()) {
        to_queries.index_add_(0, from, q);
        to_keys.index_add_(0, to, k);
        to_values.index_add_(0, to, v);
      } else {
        to_queries = q, to_keys = k, to_values = v;
      }
    }
    const int64_t num_rows = context->saved_data["rows"].toInt();
    return {by_head(to_queries, num_rows), by_head(to_keys, num_rows), by_head(to_values, num_rows), Tensor(),
            Tensor()};
  }
};

std::tuple<Tensor, Tensor> flash_forward(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceCall& call) {
  auto result = at::_flash_attention_forward(q, k, v, call.query_ends, call.key_ends, call.longest_queries,
                                             call.longest_keys, /*dropout_p=*/0.0, call.is_causal,
                                             /*return_debug_mask=*/false, /*scale=*/std::nullopt,
                                             /*window_size_left=*/std::nullopt, /*window_size_right=*/std::nullopt,
                                             as_optional(call.key_counts));
  return {std::get<0>(result), std::get<1>(result)};
}

std::tuple<Tensor, Tensor, Tensor> flash_backward(const Tensor& grad, const Tensor& q, const Tensor& k, const Tensor& v,
                                                  const Tensor& out, const Tensor& log_sums, const SequenceCall& call) {
  // The kernel asks for a generator's state, which without dropout it does not read.
  const Tensor no_state = at::zeros({2}, q.options().dtype(at::kUInt64)), unused = at::empty({0}, q.options());
  return at::_flash_attention_backward(grad.contiguous(), q, k, v, out, log_sums.contiguous(), call.query_ends,
                                       call.key_ends, call.longest_queries, call.longest_keys, /*dropout_p=*/0.0,
                                       call.is_causal, no_state, unused);
}

}  // namespace

SequencePlan plan_sequences(const Tensor& segments, at::Device device) {
  MOLMO_CHECK(segments.is_cpu() && segments.dim() == 2 && segments.numel() > 0, "segments to plan with");
  const Tensor dense = segments.contiguous();
  const int64_t length = dense.size(1);
  Draft own;
  std::vector<Draft> earlier;  // the n-th stretch that a run sees goes into the n-th call
  for (int64_t row = 0; row < dense.size(0); ++row) {
    for (const Run& run : runs_of(dense.const_data_ptr<int64_t>() + row * length, length, row * length)) {
      own.sequences.push_back({run.places, run.places});
      if (run.seen.size() > earlier.size()) earlier.resize(run.seen.size());
      for (size_t i = 0; i < run.seen.size(); ++i) earlier[i].add(run.places, run.seen[i]);
    }
  }
  SequencePlan plan;
  plan.calls.push_back(make_call(own, /*is_everywhere=*/true, device));
  for (const Draft& draft : earlier) plan.calls.push_back(make_call(draft, /*is_everywhere=*/false, device));
  const Tensor is_padding = (dense < 0).flatten();
  if (is_padding.any().item<bool>()) plan.is_padding = put(is_padding, device);
  return plan;
}

const SequenceKernel* sequence_kernel(at::Device device, at::ScalarType type, int64_t head_dim) {
  static constexpr SequenceKernel kFlash{.forward = flash_forward, .backward = flash_backward};
  if (scoped_kernel != nullptr) return scoped_kernel;
  const bool has_flash = device.is_cuda() && (type == at::kBFloat16 || type == at::kHalf) && head_dim % 8 == 0 &&
                         head_dim <= 256 && is_fast_at_bfloat16(device);  // the same generations: Ampere and later
  return has_flash ? &kFlash : nullptr;
}

ScopedSequenceKernel::ScopedSequenceKernel(const SequenceKernel& kernel) : before_(scoped_kernel) {
  scoped_kernel = &kernel;
}
ScopedSequenceKernel::~ScopedSequenceKernel() { scoped_kernel = before_; }

Tensor attend_sequences(const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const SequencePlan>& plan, const SequenceKernel& kernel) {
  expect_shape("attend_sequences q", q, {k.size(0), kAnySize, k.size(2), k.size(3)});
  expect_shape("attend_sequences v", v, {k.size(0), k.size(1), k.size(2), k.size(3)});
  return Attend::apply(q, k, v, plan, &kernel);
}

SequenceCall plan_cache(const Tensor& lengths, int64_t num_kv_heads, int64_t capacity, int64_t num_queries,
                        int64_t longest) {
  const int64_t num_sequences = lengths.size(0) * num_kv_heads;
  const Tensor ends = at::arange(num_sequences + 1, lengths.options().dtype(at::kInt));
  const Tensor counts = lengths.to(at::kInt).unsqueeze(1).expand({lengths.size(0), num_kv_heads});
  return {.query_places = {},
          .key_places = {},
          .query_ends = ends * num_queries,
          .key_ends = ends * capacity,
          .key_counts = counts.flatten(),
          .longest_queries = num_queries,
          .longest_keys = longest,
          .is_causal = num_queries > 1};
}

Tensor attend_cache(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceCall& call,
                    const SequenceKernel& kernel) {
  const int64_t rows = q.size(0), heads = q.size(1), fresh = q.size(2), width = q.size(3), kv_heads = k.size(1);
  expect_shape("attend_cache k", k, {rows, kAnySize, kAnySize, width});
  expect_shape("attend_cache v", v, {rows, kv_heads, k.size(2), width});
  const Tensor queries = q.view({rows, kv_heads, heads / kv_heads, fresh, width})
                             .transpose(2, 3)
                             .reshape({rows * kv_heads * fresh, heads / kv_heads, width});
  const auto out = kernel.forward(queries, k.view({-1, 1, width}), v.view({-1, 1, width}), call);
  return std::get<0>(out)
      .view({rows, kv_heads, fresh, heads / kv_heads, width})
      .transpose(2, 3)
      .reshape({rows, heads, fresh, width});
}

}  // namespace molmo::tensor
